using System.Text.Json;
using Lorikeet.Imaging;
using Lorikeet.Models.Backbones;
using Lorikeet.Testing;

namespace Lorikeet.Models.Tests;

/// <summary>Settings of CLIP's and SigLIP's image processors in the forms that published directories have.</summary>
public sealed class ClipPicturesTests
{
    [Theory]
    [InlineData("""{"feature_extractor_type":"CLIPFeatureExtractor","size":36,"crop_size":36}""", """{"size":{"shortest_edge":36},"crop_size":{"height":36,"width":36}}""")]
    [InlineData("""{"image_processor_type":"SiglipImageProcessor","size":36}""", """{"image_processor_type":"SiglipImageProcessor","size":{"height":36,"width":36}}""")]
    public void Sizes_as_one_number_mean_what_older_files_mean_by_them(string older, string newer)
    {
        Image image = ImageDecoder.Decode(Golden.Path("cases", "images", "landscape.png"));
        float[] Pixels(string settings)
        {
            var pictures = new ClipPictures(ConfigSection.From("preprocessor_config.json", JsonDocument.Parse(settings).RootElement));
            pictures.RequireSize(36);
            float[] pixels = new float[3 * 36 * 36];
            pictures.Write(image, AlphaHandling.Reference, pixels);
            return pixels;
        }

        Assert.Equal(Pixels(newer), Pixels(older));
    }

    [Fact]
    public void A_size_of_another_kind_is_refused_by_its_key()
    {
        using JsonDocument json = JsonDocument.Parse("""{"size":"large"}""");
        Assert.Contains("'size'", Assert.Throws<InvalidDataException>(() => new ClipPictures(ConfigSection.From("preprocessor_config.json", json.RootElement))).Message, StringComparison.Ordinal);
    }
}
