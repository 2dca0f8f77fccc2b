using System.Text.Json;

namespace Lorikeet.Nn.Tests;

/// <summary>
/// Rotary frequencies of published settings. The expected numbers come from the reference's formulas, followed line by line in Python
/// with a rounding to f32 wherever the reference holds a f32 tensor.
/// </summary>
public sealed class RotaryEmbeddingTests
{
    [Theory]
    [InlineData("""{"rope_theta":1000000.0,"rope_scaling":{"type":"yarn","factor":4.0,"original_max_position_embeddings":32768}}""")]
    [InlineData("""{"rope_theta":7.0,"max_position_embeddings":131072,"rope_parameters":{"rope_type":"yarn","rope_theta":1000000.0,"factor":null,"original_max_position_embeddings":32768,"beta_fast":null,"beta_slow":0}}""")]
    [InlineData("""{"rope_theta":1000000.0,"max_position_embeddings":32768,"rope_scaling":{"rope_type":"yarn","factor":4,"truncate":true,"mscale":0.7}}""")]
    [InlineData("""{"rope_theta":1000000.0,"max_position_embeddings":7,"original_max_position_embeddings":32768,"rope_scaling":{"rope_type":"yarn","factor":4,"mrope_section":[16,24,24]}}""")]
    public void Yarn_as_Qwen_recommends_it(string json)
    {
        RotaryEmbedding rope = Read(json, 128);
        Near([1.0, 0.00865964312106371, 0.006978305988013744, 0.000802959781140089, 6.490394298452884e-05, 4.4456985051510856e-05, 3.102344408034696e-07], rope, [0, 22, 23, 31, 39, 40, 63]);
        Assert.Equal(1.138629436111989, rope.Scale, 1e-7);
        Assert.Equal(rope.InverseFrequencies, rope.FrequenciesOf(1_000_000));
        Assert.Null(rope.SwitchLength);
    }

    [Fact]
    public void Yarn_with_all_its_settings()
    {
        RotaryEmbedding rope = Read("""{"rope_theta":1000000.0,"rope_scaling":{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":32768,"truncate":false}}""", 128);
        Near([0.005517270416021347, 0.0008117253892123699, 6.187807593960315e-05], rope, [24, 31, 39]);
        const string DeepSeek = """{"rope_scaling":{"type":"yarn","factor":40,"original_max_position_embeddings":4096,"mscale":1.0,"mscale_all_dim":0.707}}""";
        Assert.Equal(1.0857263992561355, Read(DeepSeek, 64).Scale, 1e-7);
        Assert.Equal(0.5, Read("""{"rope_scaling":{"type":"yarn","factor":40,"original_max_position_embeddings":4096,"attention_factor":0.5}}""", 64).Scale, 1e-7);
        Assert.Equal(1, Read("""{"rope_scaling":{"type":"yarn","factor":0.5,"original_max_position_embeddings":4096}}""", 64).Scale, 1e-7);
    }

    [Theory]
    [InlineData("longrope", "rope_type")]
    [InlineData("longrope", "type")]
    [InlineData("su", "type")]
    [InlineData("yarn", "type")]
    public void Longrope_as_Phi_3_has_it(string type, string key)
    {
        float[] brief = new float[48], extended = new float[48];
        Array.Fill(brief, 1.05f);
        Array.Fill(extended, 63f);
        brief[10] = 1.0800000429153442f;
        string factors = JsonSerializer.Serialize(new Dictionary<string, object> { [key] = type, ["short_factor"] = brief, ["long_factor"] = extended });
        RotaryEmbedding rope = Read($$"""{"rope_theta":10000.0,"max_position_embeddings":131072,"original_max_position_embeddings":4096,"rope_scaling":{{factors}}}""", 96);
        Near([0.9523810148239136, 0.1359073370695114], rope, [0, 10]);
        Assert.Equal(1.1902380714238083, rope.Scale, 1e-7);
        Assert.Equal(4096, rope.SwitchLength);
        Assert.Equal(rope.InverseFrequencies, rope.FrequenciesOf(4096));
        Assert.Equal(1.923059471664601e-06, rope.FrequenciesOf(4097)[47], 1e-12);
    }

    [Fact]
    public void Longrope_takes_its_factor_from_the_lengths_unless_it_is_given()
    {
        static RotaryEmbedding With(int most, string more) => Read(
            $$"""{"max_position_embeddings":{{most}},"rope_parameters":{"rope_type":"longrope","short_factor":[1,1],"long_factor":[2,2],"original_max_position_embeddings":16{{more}} } }""", 4);
        Assert.Equal(Math.Sqrt(3.5), With(1 << 20, ",\"factor\":1024").Scale, 1e-6);
        Assert.Equal(Math.Sqrt(1.25), With(32, "").Scale, 1e-7);
        Assert.Equal(1, With(16, "").Scale);
        Assert.Equal(0.75f, With(16, ",\"attention_factor\":0.75").Scale);
    }

    [Theory]
    [InlineData("""{"max_position_embeddings":2048,"rope_scaling":{"type":"dynamic","factor":2.0}}""")]
    [InlineData("""{"max_position_embeddings":2048,"rope_parameters":{"rope_type":"dynamic","factor":2.0,"rope_theta":10000.0,"original_max_position_embeddings":99}}""")]
    public void Dynamic_grows_its_base_with_the_sequence(string json)
    {
        RotaryEmbedding rope = Read(json, 128);
        int[] at = [0, 1, 32, 63];
        Near([1.0, 0.8659643530845642, 0.009999999776482582, 0.00011547819303814322], rope, at);
        Near([1.0, 0.8659643530845642, 0.009999999776482582, 0.00011547819303814322], rope.FrequenciesOf(2048), at);
        Near([1.0, 0.8509942889213562, 0.005723381880670786, 3.849273343803361e-05], rope.FrequenciesOf(4096), at);
        Near([1.0, 0.8445043563842773, 0.0044798217713832855, 2.3764003344695084e-05], rope.FrequenciesOf(6000), at);
        Assert.Equal(1, rope.Scale);
    }

    [Fact]
    public void A_part_of_a_head_has_fewer_angles()
    {
        RotaryEmbedding rope = Read("""{"partial_rotary_factor":0.75}""", 128);
        Assert.Equal(48, rope.HalfWidth);
        Near([1.0, 0.1467799233608354], rope, [0, 10]);
        Assert.Equal(16, Read("""{"rope_parameters":{"rope_type":"default","rope_theta":10000.0,"partial_rotary_factor":0.5}}""", 64).HalfWidth);
    }

    [Theory]
    [InlineData("""{"rope_scaling":{"type":"ntk","factor":2.0}}""", "rope type 'ntk' is not supported (default, linear, dynamic, yarn, longrope, llama3 are)")]
    [InlineData("""{"rope_scaling":{"type":"linear"}}""", "'factor'")]
    [InlineData("""{"rope_scaling":{"type":"linear","factor":-1}}""", "'factor'")]
    [InlineData("""{"rope_scaling":{"type":"dynamic","factor":2}}""", "'max_position_embeddings'")]
    [InlineData("""{"rope_scaling":{"type":"yarn","factor":2}}""", "'max_position_embeddings'")]
    [InlineData("""{"max_position_embeddings":4,"rope_scaling":{"type":"longrope","short_factor":[1,1],"long_factor":[1,1,1,1]}}""", "'short_factor' to be a list of 4 positive numbers")]
    [InlineData("""{"max_position_embeddings":4,"rope_scaling":{"type":"longrope","short_factor":[1,1,1,1],"long_factor":[1,1,1,0]}}""", "'long_factor'")]
    [InlineData("""{"max_position_embeddings":4,"rope_scaling":{"type":"longrope","short_factor":[1,1,1,1]}}""", "'long_factor'")]
    [InlineData("""{"max_position_embeddings":4,"original_max_position_embeddings":0,"rope_scaling":{"type":"longrope","short_factor":[1,1,1,1],"long_factor":[1,1,1,1]}}""", "'original_max_position_embeddings'")]
    [InlineData("""{"partial_rotary_factor":0.4}""", "'partial_rotary_factor'")]
    [InlineData("""{"partial_rotary_factor":1.5}""", "'partial_rotary_factor'")]
    public void What_cannot_be_used_is_an_error_with_its_name(string json, string expected) =>
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => Read(json, 8)).Message, StringComparison.Ordinal);

    private static RotaryEmbedding Read(string json, int headWidth) => RotaryEmbedding.FromConfig(JsonDocument.Parse(json).RootElement, headWidth);

    private static void Near(double[] expected, RotaryEmbedding rope, int[] at) => Near(expected, rope.InverseFrequencies, at);

    private static void Near(double[] expected, IReadOnlyList<float> found, int[] at)
    {
        for (int i = 0; i < at.Length; i++)
        {
            Assert.Equal(expected[i], found[at[i]], 4e-7 * expected[i]);
        }
    }
}
