using Lorikeet.Tensors;

namespace Lorikeet.Models;

/// <summary>Activation names of config.json.</summary>
internal static class Activations
{
    public static ActivationKind Named(ConfigSection config, string key, string otherwise) => (config.TryString(key) ?? otherwise) switch
    {
        "silu" or "swish" => ActivationKind.Silu,
        "gelu" => ActivationKind.GeluErf,
        "gelu_pytorch_tanh" or "gelu_new" or "gelu_fast" => ActivationKind.GeluTanh,
        "quick_gelu" => ActivationKind.QuickGelu,
        "relu" => ActivationKind.Relu,
        _ => throw config.Wrong(key, "one of silu, gelu, gelu_pytorch_tanh, quick_gelu, relu"),
    };
}
