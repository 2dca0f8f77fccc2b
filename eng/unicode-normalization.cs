#:property PublishAot=false
#:property RestorePackagesWithLockFile=false
// Writes src/Text/Tokenizers/Unicode/normalization.bin from the Unicode character database.
//
//   apt-get install unicode-data && dotnet run eng/unicode-normalization.cs [/usr/share/unicode] [11.0] [9.0]
//
// The second argument is the newest Unicode version to take characters from. The tokenizers that models were trained
// with normalize by Unicode 11; a character assigned later has no decomposition and class 0 there, so it has none here.
// The third one is the version of the marks that are stripped as accents: the same library's table for that is older.
// Format, all numbers as 7-bit encoded integers: count of combining classes, then (delta of code point, class); count
// of decompositions, then (delta of code point, flags: 1 compatibility, 2 may be composed; length; code points); count of
// combining marks (categories Mn, Mc, Me), then deltas.
using System.Globalization;

string folder = args.Length > 0 ? args[0] : "/usr/share/unicode";
Version newest = Version.Parse(args.Length > 1 ? args[1] : "11.0");
Version newestMark = Version.Parse(args.Length > 2 ? args[2] : "9.0");
string output = Path.Combine("src", "Text", "Tokenizers", "Unicode", "normalization.bin");

HashSet<int> known = [];
HashSet<int> knownMarks = [];
foreach ((int from, int to, string value) in Ranges("DerivedAge.txt"))
{
    if (Version.Parse(value) <= newest)
    {
        known.UnionWith(Enumerable.Range(from, to - from + 1));
    }

    if (Version.Parse(value) <= newestMark)
    {
        knownMarks.UnionWith(Enumerable.Range(from, to - from + 1));
    }
}

HashSet<int> excluded = [];
foreach ((int from, int to, string value) in Ranges("DerivedNormalizationProps.txt"))
{
    if (value == "Full_Composition_Exclusion")
    {
        excluded.UnionWith(Enumerable.Range(from, to - from + 1));
    }
}

List<(int Char, int Class)> classes = [];
List<(int Char, int Flags, int[] To)> decompositions = [];
List<int> marks = [];
foreach (string line in File.ReadLines(Path.Combine(folder, "UnicodeData.txt")))
{
    string[] fields = line.Split(';');
    int c = Hex(fields[0]);
    if (!known.Contains(c))
    {
        continue;
    }

    if (fields[2][0] == 'M' && knownMarks.Contains(c))
    {
        marks.Add(c);
    }

    int combiningClass = int.Parse(fields[3], CultureInfo.InvariantCulture);
    if (combiningClass != 0)
    {
        classes.Add((c, combiningClass));
    }

    if (fields[5].Length > 0)
    {
        string[] parts = fields[5].Split(' ');
        bool compatibility = parts[0][0] == '<';
        int[] to = parts.Skip(compatibility ? 1 : 0).Select(Hex).ToArray();
        int flags = compatibility ? 1 : to.Length == 2 && !excluded.Contains(c) ? 2 : 0;
        decompositions.Add((c, flags, to));
    }
}

using BinaryWriter writer = new(File.Create(output));
writer.Write7BitEncodedInt(classes.Count);
int last = 0;
foreach ((int c, int combiningClass) in classes)
{
    writer.Write7BitEncodedInt(c - last);
    writer.Write7BitEncodedInt(combiningClass);
    last = c;
}

writer.Write7BitEncodedInt(decompositions.Count);
last = 0;
foreach ((int c, int flags, int[] to) in decompositions)
{
    writer.Write7BitEncodedInt(c - last);
    writer.Write7BitEncodedInt(flags);
    writer.Write7BitEncodedInt(to.Length);
    foreach (int part in to)
    {
        writer.Write7BitEncodedInt(part);
    }

    last = c;
}

writer.Write7BitEncodedInt(marks.Count);
last = 0;
foreach (int c in marks)
{
    writer.Write7BitEncodedInt(c - last);
    last = c;
}

static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

IEnumerable<(int From, int To, string Value)> Ranges(string file)
{
    foreach (string raw in File.ReadLines(Path.Combine(folder, file)))
    {
        string line = raw.Split('#')[0].Trim();
        if (line.Length == 0)
        {
            continue;
        }

        string[] fields = line.Split(';', StringSplitOptions.TrimEntries);
        string[] range = fields[0].Split("..");
        yield return (Hex(range[0]), Hex(range[^1]), fields[1]);
    }
}
