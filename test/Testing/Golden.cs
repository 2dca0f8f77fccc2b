namespace Lorikeet.Testing;

/// <summary>Reference outputs kept under <c>test/goldens</c>, found from wherever the tests run.</summary>
public static class Golden
{
    /// <summary>The directory <c>test/goldens</c> of the repository.</summary>
    public static string Root { get; } = System.IO.Path.Combine(Repository(), "test", "goldens");

    /// <summary>The repository that the tests belong to.</summary>
    public static string RepositoryRoot { get; } = Repository();

    /// <summary>A path below <see cref="Root"/>.</summary>
    public static string Path(params string[] parts) => System.IO.Path.Combine([Root, .. parts]);

    private static string Repository()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(directory.FullName, "Lorikeet.slnx")))
            {
                return directory.FullName;
            }
        }

        throw new DirectoryNotFoundException($"no Lorikeet.slnx above {AppContext.BaseDirectory}: run the tests from within the repository.");
    }
}
