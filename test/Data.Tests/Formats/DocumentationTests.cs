using Lorikeet.Testing;

namespace Lorikeet.Data.Tests.Formats;

public sealed class DocumentationTests : FormatTestBase
{
    [Fact]
    public void Every_row_in_the_documentation_is_of_the_format_it_stands_under()
    {
        var documented = new HashSet<string>();
        string heading = "";
        bool inRows = false;
        foreach (string line in File.ReadLines(Path.Combine(Golden.Root, "..", "..", "docs", "data.md")))
        {
            if (line.StartsWith("### ", StringComparison.Ordinal))
            {
                heading = line[4..];
            }
            else if (line.StartsWith("```", StringComparison.Ordinal))
            {
                inRows = line == "```jsonl";
            }
            else if (inRows)
            {
                // Preference pairs are the one format that is never recognised by itself.
                using Dataset data = Dataset.Open(new DatasetOptions { Path = Folder.Save("x.jsonl", line), Format = heading == "preference" ? heading : "auto" });
                Assert.Equal(heading, data.FormatName);
                Assert.NotEmpty(data.Read(0).Images);
                documented.Add(heading);
            }
        }

        Assert.Equal(Dataset.FormatNames.Order(), documented.Order());
    }
}
