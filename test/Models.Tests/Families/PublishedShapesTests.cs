using System.Globalization;
using System.Text.Json;
using Lorikeet.Models.Backbones;
using Lorikeet.Models.Families;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Planning;

namespace Lorikeet.Models.Tests.Families;

/// <summary>
/// What published config.json files say and leave out, in short: what is missing has the default of the reference's configuration class.
/// The numbers of parameters are those of the published models (their files' headers, and sums by hand).
/// </summary>
public sealed class PublishedShapesTests
{
    private const string ClipLarge = """
        {"hidden_size":1024,"image_size":336,"intermediate_size":4096,"model_type":"clip_vision_model","num_attention_heads":16,
         "num_hidden_layers":24,"patch_size":14,"projection_dim":768,"vocab_size":32000}
        """;

    private const string Pinpoints = "\"image_grid_pinpoints\":[[336,672],[672,336],[672,672],[1008,336],[336,1008]]";

    private static readonly string Factors48 = string.Join(',', Enumerable.Repeat("1.5", 48));

    public static TheoryData<string, string, long> Models => new()
    {
        {
            "llava-1.5-7b-hf",
            $$"""
            {"model_type":"llava","image_token_index":32000,"projector_hidden_act":"gelu","tie_word_embeddings":false,"vision_feature_layer":-2,
             "vision_feature_select_strategy":"default","vision_config":{{ClipLarge}},
             "text_config":{"_name_or_path":"lmsys/vicuna-7b-v1.5","max_position_embeddings":4096,"model_type":"llama","rms_norm_eps":1e-05,"vocab_size":32064} }
            """,
            7_063_427_072
        },
        { "llava without a vision_config", """{"model_type":"llava","text_config":{"vocab_size":32064}}""", 7_063_427_072 },
        {
            "llava-v1.6-mistral-7b-hf",
            $$"""
            {"model_type":"llava_next","image_token_index":32000,{{Pinpoints}},"vision_config":{{ClipLarge}},"tie_word_embeddings":false,
             "text_config":{"intermediate_size":14336,"max_position_embeddings":32768,"model_type":"mistral","num_key_value_heads":8,"rms_norm_eps":1e-05,
              "rope_theta":1000000.0,"sliding_window":null,"vocab_size":32064} }
            """,
            7_566_747_648
        },
        {
            "llava-v1.6-vicuna-7b-hf",
            $$"""
            {"model_type":"llava_next","image_token_index":32000,{{Pinpoints}},"vision_config":{{ClipLarge}},
             "text_config":{"max_position_embeddings":4096,"model_type":"llama","rms_norm_eps":1e-05,"vocab_size":32064} }
            """,
            7_063_431_168
        },
        {
            "pixtral-12b",
            """
            {"model_type":"llava","image_token_index":10,"vision_feature_layer":-1,"vision_feature_select_strategy":"full","image_seq_length":1,
             "text_config":{"hidden_size":5120,"head_dim":128,"intermediate_size":14336,"is_composition":true,"max_position_embeddings":1024000,
              "model_type":"mistral","num_hidden_layers":40,"num_key_value_heads":8,"rms_norm_eps":1e-05,"rope_theta":1000000000.0,"sliding_window":null,"vocab_size":131072},
             "vision_config":{"head_dim":64,"hidden_act":"silu","image_size":1024,"is_composition":true,"model_type":"pixtral","patch_size":16,"rope_theta":10000.0,"tie_word_embeddings":false} }
            """,
            12_682_739_712
        },
        {
            "Phi-3-mini-128k-instruct",
            $$"""
            {"model_type":"phi3","max_position_embeddings":131072,"sliding_window":262144,
             "rope_scaling":{"type":"longrope","short_factor":[{{Factors48}}],"long_factor":[{{Factors48}}]} }
            """,
            3_821_079_552
        },
        {
            "Phi-4-mini-instruct",
            $$"""
            {"model_type":"phi3","num_attention_heads":24,"num_key_value_heads":8,"vocab_size":200064,"max_position_embeddings":131072,
             "original_max_position_embeddings":4096,"partial_rotary_factor":0.75,"sliding_window":262144,"tie_word_embeddings":true,
             "rope_scaling":{"type":"longrope","short_factor":[{{Factors48}}],"long_factor":[{{Factors48}}]} }
            """,
            3_836_021_760
        },
        { "Mistral-7B-v0.1", """{"model_type":"mistral","rms_norm_eps":1e-05,"sliding_window":4096}""", 7_241_732_096 },
        {
            "Qwen2.5-0.5B-Instruct",
            """
            {"model_type":"qwen2","hidden_size":896,"intermediate_size":4864,"max_window_layers":21,"num_attention_heads":14,"num_hidden_layers":24,
             "num_key_value_heads":2,"rope_theta":1000000.0,"sliding_window":32768,"tie_word_embeddings":true,"use_sliding_window":false}
            """,
            494_032_768
        },
        {
            "Qwen3-0.6B",
            """
            {"model_type":"qwen3","hidden_size":1024,"intermediate_size":3072,"num_attention_heads":16,"num_hidden_layers":28,"num_key_value_heads":8,
             "rope_scaling":null,"rope_theta":1000000,"sliding_window":null,"tie_word_embeddings":true}
            """,
            596_049_920
        },
        {
            "SmolVLM-256M-Instruct",
            """
            {"model_type":"idefics3","image_token_id":49190,"scale_factor":4,"tie_word_embeddings":false,
             "text_config":{"head_dim":64,"hidden_size":576,"intermediate_size":1536,"model_type":"llama","num_attention_heads":9,"num_hidden_layers":30,
              "num_key_value_heads":3,"rms_norm_eps":1e-05,"rope_interleaved":false,"rope_scaling":null,"rope_theta":100000,"vocab_size":49280},
             "vision_config":{"hidden_size":768,"image_size":512,"max_image_size":{"longest_edge":512},"model_type":"idefics3_vision","num_attention_heads":12,"patch_size":16} }
            """,
            256_484_928
        },
        {
            "Llama-3.2-11B-Vision-Instruct",
            """
            {"model_type":"mllama","image_token_index":128256,"vision_config":{"image_size":560,"model_type":"mllama_vision_model"},
             "text_config":{"model_type":"mllama_text_model","rope_scaling":{"factor":8.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":8192,"rope_type":"llama3"} } }
            """,
            10_670_220_835
        },
        {
            "Qwen2.5-VL-3B-Instruct as transformers saves it again",
            """
            {"model_type":"qwen2_5_vl","image_token_id":151655,"tie_word_embeddings":true,
             "text_config":{"hidden_size":2048,"intermediate_size":11008,"max_position_embeddings":128000,"max_window_layers":70,"model_type":"qwen2_5_vl_text",
              "num_attention_heads":16,"num_hidden_layers":36,"num_key_value_heads":2,"rms_norm_eps":1e-06,"vocab_size":151936,
              "rope_scaling":{"mrope_section":[16,24,24],"rope_type":"default","type":"default"},"sliding_window":null,"use_sliding_window":false},
             "vision_config":{"hidden_size":1280,"in_chans":3,"model_type":"qwen2_5_vl","out_hidden_size":2048,"spatial_patch_size":14,"tokens_per_second":2} }
            """,
            3_754_622_976
        },
        {
            "Qwen2-VL-2B-Instruct",
            """
            {"model_type":"qwen2_vl","hidden_size":1536,"intermediate_size":8960,"max_position_embeddings":32768,"max_window_layers":28,"num_attention_heads":12,
             "num_hidden_layers":28,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32768,"tie_word_embeddings":true,
             "use_sliding_window":false,"vision_config":{"hidden_size":1536,"in_chans":3,"model_type":"qwen2_vl","spatial_patch_size":14},
             "rope_scaling":{"type":"mrope","mrope_section":[16,24,24]},"vocab_size":151936}
            """,
            2_208_985_600
        },
        {
            "Qwen3-VL-2B-Instruct without a word on sections",
            """
            {"model_type":"qwen3_vl","tie_word_embeddings":true,
             "text_config":{"hidden_size":2048,"intermediate_size":6144,"model_type":"qwen3_vl_text","num_attention_heads":16,"num_hidden_layers":28,
              "num_key_value_heads":8,"rope_parameters":{"rope_theta":5000000,"rope_type":"default"} },
             "vision_config":{"depth":24,"deepstack_visual_indexes":[5,11,17],"hidden_size":1024,"intermediate_size":4096,"out_hidden_size":2048} }
            """,
            2_127_532_032
        },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void A_short_configuration_makes_the_published_model(string name, string json, long parameters)
    {
        ConfigSection config = Section(json);
        var device = new DryDevice();
        using var arena = new Arena(device);
        bool tied = config.Bool("tie_word_embeddings", false);
        using VisionLanguageModel model = Build(config, new WeightScope(new AbsentWeights(new Parameters(device, arena), DType.BF16, tied)));
        long found = model.Parts.Params.DistinctBy(p => p.Value).Sum(p => p.Value.Count);
        Assert.True(parameters == found, string.Create(CultureInfo.InvariantCulture, $"{name}: {found} parameters, published with {parameters}"));
    }

    [Fact]
    public void Defaults_are_those_of_the_class_and_null_is_a_value()
    {
        DecoderConfig mistral = DecoderConfig.From(Section("""{"model_type":"mistral"}"""));
        Assert.Equal((8, 1e-6f), (mistral.KvHeads, mistral.NormEps));
        Assert.Equal(4096, mistral.Windows[31]);
        Assert.Empty(DecoderConfig.From(Section("""{"model_type":"mistral","sliding_window":null}""")).Windows);
        DecoderConfig phi = DecoderConfig.From(Section("""{"model_type":"phi3"}"""));
        Assert.Equal((32, 1e-5f, 0), (phi.KvHeads, phi.NormEps, phi.Windows.Count));
        Assert.Equal(128, DecoderConfig.From(Section("""{"model_type":"qwen3","hidden_size":2560}""")).HeadWidth);
        Assert.Equal(160, DecoderConfig.From(Section("""{"model_type":"llama","head_dim":null,"hidden_size":5120}""")).HeadWidth);
        DecoderConfig qwen = DecoderConfig.From(Section("""{"model_type":"qwen2","use_sliding_window":true}"""));
        Assert.Equal(((int?)null, (int?)4096), (qwen.Windows[27], qwen.Windows[28]));
    }

    [Fact]
    public void Longrope_of_Phi_switches_at_4096_where_the_file_does_not_say()
    {
        string json = $$"""{"model_type":"phi3","max_position_embeddings":131072,"rope_scaling":{"type":"su","short_factor":[{{Factors48}}],"long_factor":[{{Factors48}}]} }""";
        DecoderConfig phi = DecoderConfig.From(Section(json));
        Assert.Equal(4096, phi.Rotary.SwitchLength);
        Assert.Equal(1.1902380714238083, phi.Rotary.Scale, 1e-6);
    }

    [Fact]
    public void The_third_Qwen_takes_turns_whatever_its_file_says()
    {
        string json = Models.Single(row => row.Data.Item1.StartsWith("Qwen3-VL", StringComparison.Ordinal)).Data.Item2;
        Assert.Equal(GridPositions.InTurns([24, 20, 20]), Qwen3VlConfig.From(Section(json)).Common.AxisOfAngle);
    }

    [Fact]
    public void Qwen_with_yarn_keeps_its_sections()
    {
        string json = Models.Single(row => row.Data.Item1.StartsWith("Qwen2.5-VL", StringComparison.Ordinal)).Data.Item2
            .Replace("\"rope_type\":\"default\",\"type\":\"default\"", "\"type\":\"yarn\",\"factor\":4,\"original_max_position_embeddings\":32768", StringComparison.Ordinal);
        GridModelConfig common = Qwen25VlConfig.From(Section(json)).Common;
        Assert.Equal(GridPositions.InRuns([16, 24, 24]), common.AxisOfAngle);
        Assert.Equal(1.138629436111989, common.Text.Rotary.Scale, 1e-6);
    }

    [Theory]
    [InlineData("""{"model_type":"llama","partial_rotary_factor":0.5}""", "partial_rotary_factor")]
    [InlineData("""{"model_type":"mistral","sliding_window":0}""", "sliding_window")]
    [InlineData("""{"model_type":"qwen2","use_sliding_window":true,"num_hidden_layers":2,"layer_types":["full_attention"]}""", "layer_types")]
    [InlineData("""{"model_type":"qwen2","use_sliding_window":true,"num_hidden_layers":1,"layer_types":["chunked_attention"]}""", "layer_types")]
    [InlineData("""{"model_type":"gemma3_text"}""", "model_type")]
    public void What_cannot_be_read_is_refused_by_name(string json, string key) =>
        Assert.Contains(key, Assert.Throws<InvalidDataException>(() => DecoderConfig.From(Section(json))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"crop_size":336,"do_center_crop":true,"feature_extractor_type":"CLIPFeatureExtractor","resample":3,"size":336}""")]
    [InlineData("""{"crop_size":{"height":336,"width":336},"image_processor_type":"CLIPImageProcessor","size":{"shortest_edge":336} }""")]
    [InlineData("""{"image_processor_type":"SiglipImageProcessor","size":336}""")]
    public void Sizes_of_pictures_may_be_numbers_or_objects(string json)
    {
        var pictures = new ClipPictures(Section(json));
        pictures.RequireSize(336);
        Assert.Throws<InvalidDataException>(() => pictures.RequireSize(224));
    }

    private static ConfigSection Section(string json) => ConfigSection.From("config.json", JsonDocument.Parse(json).RootElement);

    private static VisionLanguageModel Build(ConfigSection c, WeightScope w) => c.String("model_type") switch
    {
        "llava" when c.TrySection("vision_config")?.TryString("model_type") == "pixtral" => new Pixtral(w, PixtralConfig.From(c), null),
        "llava" => new Llava(w, LlavaConfig.From(c), null),
        "llava_next" => new LlavaNext(w, LlavaNextConfig.From(c), null),
        "idefics3" => new SmolVlm(w, SmolVlmConfig.From(c), null),
        "mllama" => new Mllama(w, MllamaConfig.From(c), null),
        "qwen2_vl" => new Qwen2Vl(w, Qwen2VlConfig.From(c), null),
        "qwen2_5_vl" => new Qwen25Vl(w, Qwen25VlConfig.From(c), null),
        "qwen3_vl" => new Qwen3Vl(w, Qwen3VlConfig.From(c), null),
        _ => new CausalText(w, c, null),
    };
}
