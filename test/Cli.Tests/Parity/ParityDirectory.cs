using System.Globalization;
using Lorikeet.Cli.Commands;
using Lorikeet.Testing;

namespace Lorikeet.Cli.Tests.Parity;

/// <summary>A directory of reference outputs that a test may damage: a copy of a part of the goldens.</summary>
internal sealed class ParityDirectory : IDisposable
{
    public ParityDirectory(params string[] parts)
    {
        Root = Directory.CreateTempSubdirectory("parity-test-").FullName;
        foreach (string part in parts)
        {
            if (Directory.Exists(Golden.Path(part)))
            {
                foreach (string file in Directory.EnumerateFiles(Golden.Path(part), "*", SearchOption.AllDirectories))
                {
                    Copy(Path.GetRelativePath(Golden.Root, file));
                }
            }
            else
            {
                Copy(part);
            }
        }
    }

    public string Root { get; }

    public string At(string relative) => Path.Combine(Root, relative);

    public void Replace(string relative, string old, string replacement)
    {
        string text = File.ReadAllText(At(relative));
        int at = text.IndexOf(old, StringComparison.Ordinal);
        Assert.True(at >= 0, $"{relative} has no {old}");
        File.WriteAllText(At(relative), text[..at] + replacement + text[(at + old.Length)..]);
    }

    public void Truncate(string relative)
    {
        using FileStream file = File.OpenWrite(At(relative));
        file.SetLength(file.Length * 2 / 3);
    }

    /// <summary>Changes the bytes of one element of a tensor.</summary>
    public void Poke<T>(string relative, string tensor, Func<T, T> change, int index = 0)
        where T : unmanaged
    {
        long at;
        byte[] bytes = File.ReadAllBytes(At(relative));
        long header = BitConverter.ToInt64(bytes);
        using (var file = Nn.Weights.SafeTensorsFile.Open(At(relative)))
        {
            at = 8 + header + file.Info(tensor).Begin + (index * System.Runtime.CompilerServices.Unsafe.SizeOf<T>());
        }

        Span<T> element = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, T>(bytes.AsSpan((int)at, System.Runtime.CompilerServices.Unsafe.SizeOf<T>()));
        element[0] = change(element[0]);
        File.WriteAllBytes(At(relative), bytes);
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    /// <summary>Runs the verb as the user does.</summary>
    public static ParityOutcome Run(string root, params string[] arguments)
    {
        var test = new TestHost();
        int code = test.Run([ParityCommand.Create], ["parity", root, .. arguments]);
        string[] lines = test.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(lines.Length > 0, test.Messages);
        int[] counts = [.. lines[^1].Split([' ', ','], StringSplitOptions.RemoveEmptyEntries).Where(w => char.IsDigit(w[0])).Select(w => int.Parse(w, CultureInfo.InvariantCulture))];
        return new ParityOutcome(code, lines, counts[0], counts[1], counts[2]);
    }

    private void Copy(string relative)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(relative))!);
        File.Copy(Golden.Path(relative), At(relative));
    }
}

/// <summary>What the verb answered.</summary>
internal sealed record ParityOutcome(int ExitCode, string[] Lines, int Passed, int Failed, int Skipped)
{
    public string[] Failures => [.. Lines.Where(l => l.Contains(" FAIL", StringComparison.Ordinal))];

    /// <summary>Everything agreed.</summary>
    public void MustPass(int atLeast)
    {
        Assert.True(Failed == 0 && ExitCode == 0, string.Join('\n', Failures.Take(10)));
        Assert.True(Passed >= atLeast, $"{Passed} checks passed, at least {atLeast} expected");
    }

    /// <summary>Something did not agree, and a line about it names this.</summary>
    public void MustFail(params string[] words)
    {
        Assert.Equal(ExitCodes.Fault, ExitCode);
        Assert.True(Failures.Any(l => words.All(w => l.Contains(w, StringComparison.Ordinal))), string.Join('\n', Failures.Take(10)));
    }
}
