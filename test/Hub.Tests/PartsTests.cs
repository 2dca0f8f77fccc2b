namespace Lorikeet.Hub.Tests;

/// <summary>The small parts: ids, patterns, sets of ranges, hashes.</summary>
public sealed class PartsTests
{
    [Theory]
    [InlineData("org/name", "org/name", null)]
    [InlineData("Org-1/na.me_2", "Org-1/na.me_2", null)]
    [InlineData("org/name@main", "org/name", "main")]
    [InlineData("org/name@refs/pr/7", "org/name", "refs/pr/7")]
    public void Ids_are_read(string text, string name, string? revision)
    {
        RepositoryId id = RepositoryId.TryParse(text)!;
        Assert.Equal((name, revision, text), (id.Name, id.Revision, id.ToString()));
    }

    [Theory]
    [InlineData("name")]
    [InlineData("/name")]
    [InlineData("org/")]
    [InlineData("a/b/c")]
    [InlineData("../name")]
    [InlineData("./name")]
    [InlineData("org/..")]
    [InlineData("org/a--b")]
    [InlineData("org/name.git")]
    [InlineData("org/name@")]
    [InlineData("org/name@/x")]
    [InlineData("org/name@../x")]
    [InlineData("org/name@a/../b")]
    [InlineData("org/na me")]
    [InlineData("org/name\n")]
    [InlineData("~/models")]
    [InlineData("C:/models")]
    public void What_is_no_id_is_none(string text) => Assert.Null(RepositoryId.TryParse(text));

    [Theory]
    [InlineData("*.json", "a/b.json", true)]
    [InlineData("*.json", "a.jsonl", false)]
    [InlineData("data/", "data/x/y.parquet", true)]
    [InlineData("data/", "database", false)]
    [InlineData("m?del", "model", true)]
    [InlineData("m[a-o]del", "model", true)]
    [InlineData("m[!a-o]del", "model", false)]
    [InlineData("[]x]", "]", true)]
    [InlineData("[", "[", true)]
    [InlineData("[!", "[!", true)]
    [InlineData("*a*b*c", "xxaxxbxxc", true)]
    [InlineData("*a*b*c", "xxaxxcxxb", false)]
    [InlineData("", "", true)]
    [InlineData("", "a", false)]
    [InlineData("A", "a", false)]
    public void Patterns_match_as_fnmatch_does(string pattern, string path, bool matches) => Assert.Equal(matches, Glob.Matches(pattern, path));

    [Fact]
    public void Patterns_of_many_stars_take_no_time() => Assert.False(Glob.Matches(string.Concat(Enumerable.Repeat("*a", 200)) + "b", new string('a', 1000)));

    [Fact]
    public void Sets_of_ranges_hold_exactly_what_was_added()
    {
        for (uint seed = 1; seed < 200; seed++)
        {
            var set = new RangeSet();
            bool[] expected = new bool[64];
            uint state = seed;
            for (int n = 0; n < 12; n++)
            {
                state = (state * 1664525) + 1013904223;
                int start = (int)((state >> 8) % 64), end = Math.Min(64, start + (int)((state >> 20) % 12));
                set.Add(new ByteRange(start, end));
                Array.Fill(expected, true, start, end - start);
            }

            bool[] found = new bool[64];
            set.Ranges.ToList().ForEach(r => Array.Fill(found, true, (int)r.Start, (int)r.Length));
            Assert.Equal(expected, found);
            Assert.Equal(expected.Count(b => b), set.Count);
            bool[] missing = new bool[64];
            foreach (ByteRange gap in set.Missing(64, 5))
            {
                Assert.InRange(gap.Length, 1, 5);
                Assert.DoesNotContain(true, missing[(int)gap.Start..(int)gap.End]);
                Array.Fill(missing, true, (int)gap.Start, (int)gap.Length);
            }

            Assert.Equal(expected.Select(b => !b), missing);
        }
    }

    [Fact]
    public void Hashes_are_those_of_git_and_of_sha256sum()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "hello\n");
            Assert.Equal("ce013625030ba8dba906f756967f9e9ca394464a", ContentHash.Of(file, new string('0', 40), CancellationToken.None));
            Assert.Equal("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", ContentHash.Of(file, new string('0', 64), CancellationToken.None));
        }
        finally
        {
            File.Delete(file);
        }
    }
}
