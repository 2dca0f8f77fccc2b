namespace Lorikeet.Tensors.Cpu;

/// <summary>How many rows of A a dot kernel works on, as a type, so that each count is compiled for itself.</summary>
internal interface IRowCount
{
    /// <summary>1 to 4.</summary>
    static abstract int Value { get; }
}

/// <summary>One row.</summary>
internal readonly struct OneRow : IRowCount
{
    public static int Value => 1;
}

/// <summary>Two rows.</summary>
internal readonly struct TwoRows : IRowCount
{
    public static int Value => 2;
}

/// <summary>Three rows.</summary>
internal readonly struct ThreeRows : IRowCount
{
    public static int Value => 3;
}

/// <summary>Four rows.</summary>
internal readonly struct FourRows : IRowCount
{
    public static int Value => 4;
}
