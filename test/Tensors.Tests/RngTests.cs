namespace Lorikeet.Tensors.Tests;

public sealed class RngTests
{
    /// <summary>The known answers that the authors of Philox publish with Random123 (philox4x32-10).</summary>
    [Theory]
    [InlineData(0ul, 0ul, 0ul, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x299f31d0a4093822ul, 0x85a308d3243f6a88ul, 0x0370734413198a2eul, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Philox_gives_the_published_answers(ulong key, ulong low, ulong high, uint x, uint y, uint z, uint w) =>
        Assert.Equal((x, y, z, w), Rng.Philox(key, low, high));

    [Fact]
    public void Uniform_numbers_reach_zero_but_never_one()
    {
        Assert.Equal(0f, Rng.Uniform(0));
        Assert.Equal(1f - (1f / (1 << 24)), Rng.Uniform(uint.MaxValue));
    }

    [Fact]
    public void Normal_numbers_have_their_moments_and_are_a_function_of_the_key()
    {
        float[] a = new float[100_000], b = new float[100_000], c = new float[100_000];
        Rng.FillNormal(a, 2f, 1);
        Rng.FillNormal(b, 2f, 1);
        Rng.FillNormal(c, 2f, 2);
        Assert.Equal(a, b);
        Assert.NotEqual(a, c);
        Assert.Equal(0, a.Average(), 0.03);
        Assert.Equal(2, Math.Sqrt(a.Average(v => (double)v * v)), 0.02);
        Assert.Equal(3 * 16, a.Average(v => Math.Pow(v, 4)), 1.5);
    }

    [Fact]
    public void Keys_depend_on_every_part_and_their_order()
    {
        ulong[] keys = [Rng.Key(1ul), Rng.Key(2ul), Rng.Key(1ul, 2ul), Rng.Key(2ul, 1ul), Rng.Key(1ul, 2ul, 0ul), Rng.Key(0ul), Rng.Key("a"), Rng.Key("b")];
        Assert.Equal(keys.Length, keys.Distinct().Count());
    }

    [Fact]
    public void A_longer_fill_begins_like_a_shorter_one()
    {
        float[] few = new float[7], many = new float[100];
        Rng.FillUniform(few, -1f, 1f, 5);
        Rng.FillUniform(many, -1f, 1f, 5);
        Assert.Equal(few, many[..7]);
        Assert.All(many, v => Assert.InRange(v, -1f, 1f));
    }
}
