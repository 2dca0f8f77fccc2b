namespace Lorikeet.Tensors.Cpu;

/// <summary>A small number as a type argument: each value is compiled for itself, with the code it does not need left out.</summary>
internal interface ICount
{
    /// <summary>The number.</summary>
    static abstract int Value { get; }
}

/// <summary>One.</summary>
internal readonly struct One : ICount
{
    public static int Value => 1;
}

/// <summary>Two.</summary>
internal readonly struct Two : ICount
{
    public static int Value => 2;
}

/// <summary>Three.</summary>
internal readonly struct Three : ICount
{
    public static int Value => 3;
}

/// <summary>Four.</summary>
internal readonly struct Four : ICount
{
    public static int Value => 4;
}
