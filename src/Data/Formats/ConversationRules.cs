namespace Lorikeet.Data.Formats;

/// <summary>
/// What every training conversation keeps to: perhaps a system message first, then user and assistant in turn, answers that are not
/// empty, pictures in the questions. A tool's message follows an assistant's or another tool's.
/// </summary>
internal static class ConversationRules
{
    public static void Check(string origin, IReadOnlyList<SampleBuilder.Draft> messages)
    {
        string previous = "";
        foreach (SampleBuilder.Draft message in messages)
        {
            if (!MayFollow(previous, message.Role))
            {
                string expected = previous switch
                {
                    "" => "system or user first",
                    "system" => "user after system",
                    "user" => "assistant after user",
                    _ => "user after assistant (two messages of one speaker must be joined)",
                };
                throw new InvalidDataException($"{origin}: key '{message.Key}' has the role {message.Role}; expected {expected}.").As(RowFault.Roles);
            }

            CheckContent(origin, message);
            previous = message.Role;
        }

        if (previous != "assistant")
        {
            string found = messages.Count == 0 ? "there are no messages" : $"the last message ('{messages[^1].Key}') is the {previous}'s";
            throw new InvalidDataException($"{origin}: {found}; expected an assistant's answer at the end.").As(RowFault.Roles);
        }
    }

    private static bool MayFollow(string previous, string role) => (previous, role) switch
    {
        ("", "system" or "user") => true,
        ("system", "user") => true,
        ("user", "assistant") => true,
        ("assistant", "user" or "tool") => true,
        ("tool", "tool" or "assistant") => true,
        _ => false,
    };

    private static void CheckContent(string origin, SampleBuilder.Draft message)
    {
        if (message.HasImages && message.Role != "user")
        {
            string noun = message.HasVideos ? "video" : "picture";
            throw new InvalidDataException($"{origin}: key '{message.Key}' puts a {noun} into the {message.Role}'s message; expected {noun}s in user messages only.").As(RowFault.ImagePlaces);
        }

        // A call of a tool says everything in its fields.
        bool callsTool = message.Extra?.ContainsKey("tool_calls") == true;
        if (!message.HasText && !message.HasImages && !callsTool)
        {
            string what = message.Role == "assistant" ? "the answer" : $"the {message.Role}'s message";
            throw new InvalidDataException($"{origin}: key '{message.Key}': {what} is empty; expected text. Remove the row or fill it in.").As(message.Role == "assistant" ? RowFault.EmptyAnswer : RowFault.EmptyMessage);
        }
    }
}
