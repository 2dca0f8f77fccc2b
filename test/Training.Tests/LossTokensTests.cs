using Lorikeet.Models;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Tests;

/// <summary>Which tokens the keys of the section data say that count.</summary>
public sealed class LossTokensTests
{
    [Theory]
    [InlineData(true, null, LossOn.AssistantTurns)]
    [InlineData(false, null, LossOn.AllTokens)]
    [InlineData(true, LossTokens.AssistantTurns, LossOn.AssistantTurns)]
    [InlineData(true, LossTokens.LastTurn, LossOn.LastTurn)]
    [InlineData(true, LossTokens.AllTokens, LossOn.AllTokens)]
    [InlineData(false, LossTokens.AllTokens, LossOn.AllTokens)]
    [InlineData(true, LossTokens.Published, LossOn.Published)]
    public void Both_keys_are_obeyed(bool assistantOnly, LossTokens? chosen, LossOn expected) =>
        Assert.Equal(expected, DataEncoding.Of(new DataSection { AssistantOnlyLoss = assistantOnly, LossOn = chosen }).Loss);
}
