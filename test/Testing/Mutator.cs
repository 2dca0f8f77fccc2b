namespace Lorikeet.Testing;

/// <summary>Damages files at random but reproducibly: flipped bits, cut and doubled pieces, hostile fragments.</summary>
public sealed class Mutator(int seed, params string[] fragments)
{
    private readonly Random _random = new(seed);
    private readonly byte[][] _fragments = [.. fragments.Select(System.Text.Encoding.UTF8.GetBytes)];

    /// <summary>A damaged copy.</summary>
    public byte[] Mutate(byte[] original)
    {
        List<byte> bytes = [.. original];
        for (int n = _random.Next(1, 4); n > 0; n--)
        {
            Damage(bytes);
        }

        return [.. bytes];
    }

    private void Damage(List<byte> bytes)
    {
        int at = _random.Next(bytes.Count + 1);
        int length = Math.Min(_random.Next(1, 9), bytes.Count - at);
        switch (_random.Next(6))
        {
            case 0 when at < bytes.Count:
                bytes[at] ^= (byte)(1 << _random.Next(8));
                break;
            case 1 when at < bytes.Count:
                bytes[at] = (byte)_random.Next(256);
                break;
            case 2:
                bytes.RemoveRange(at, length);
                break;
            case 3:
                bytes.InsertRange(at, bytes.GetRange(at, length));
                break;
            case 4 when _random.Next(4) == 0:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            default:
                byte[] fragment = _fragments[_random.Next(_fragments.Length)];
                if (_random.Next(2) == 0)
                {
                    bytes.RemoveRange(at, Math.Min(fragment.Length, bytes.Count - at));
                }

                bytes.InsertRange(at, fragment);
                break;
        }
    }
}
