namespace Lorikeet.Training.Checks;

/// <summary>Counts findings, and keeps the first of each kind.</summary>
/// <param name="listed">Findings kept of each kind.</param>
/// <param name="found">Hears of every finding, in the order of the rows.</param>
internal sealed class FindingList(int listed, Action<Finding>? found)
{
    private readonly SortedDictionary<FindingKind, (long Count, List<Finding> First)> _kinds = [];

    /// <summary>Rows with an error.</summary>
    public long BadRows { get; private set; }

    /// <summary>Adds the findings of one row.</summary>
    public void Add(IReadOnlyCollection<Finding> findings)
    {
        BadRows += findings.Any(f => f.IsError) ? 1 : 0;
        foreach (Finding finding in findings)
        {
            (long count, List<Finding> first) = _kinds.GetValueOrDefault(finding.Kind, (0, []));
            if (first.Count < listed)
            {
                first.Add(finding);
            }

            _kinds[finding.Kind] = (count + 1, first);
            found?.Invoke(finding);
        }
    }

    /// <summary>What there was, errors first.</summary>
    public IReadOnlyList<KindReport> Report() =>
        [.. _kinds.OrderBy(k => Finding.IsErrorKind(k.Key) ? 0 : 1).Select(k => new KindReport(k.Key, k.Value.Count, k.Value.First))];
}
