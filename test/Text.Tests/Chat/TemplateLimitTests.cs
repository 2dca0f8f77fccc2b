using System.Diagnostics;
using Lorikeet.Text.Chat;

namespace Lorikeet.Text.Tests.Chat;

/// <summary>A template is data: it must not hang, fill the memory or overflow the stack.</summary>
public sealed class TemplateLimitTests
{
    private const string Grow = "{% set ns = namespace(x=['a']) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}";
    private const string Deep = "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}";

    public static TheoryData<string> Hostile =>
    [
        // Loops without end
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{{ i }}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}",
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% set ns = namespace(f=1) %}{% macro a() %}{{ ns.f() }}{% endmacro %}{% set ns.f = a %}{{ a() }}",
        // Giant values
        "{{ 'a' * 1000000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ (1,) * 99999999999999999999999 }}",
        "{{ 'a'.center(2000000000) }}",
        "{{ 'a'.ljust(2000000000) }}",
        "{{ 'a'.zfill(2000000000) }}",
        "{{ '\t'.expandtabs(2000000000) }}",
        "{{ 'a' | center(2000000000) }}",
        "{{ 'a\nb' | indent(2000000000) }}",
        "{{ [1] | batch(2000000000, 'x') | list }}",
        "{{ [1] | slice(2000000000, 'x') | list }}",
        "{{ '%2000000000d' % 1 }}",
        "{{ '%.2000000000f' % 1 }}",
        "{{ '%*d' % (2000000000, 1) }}",
        "{{ '{:2000000000}'.format(1) }}",
        "{{ '{:.2000000000f}'.format(1.5) }}",
        "{{ '{:,}'.format(10 ** 15000) * 100000 }}",
        "{{ {'a': [1]} | tojson(indent=2000000000) }}",
        "{{ 10 ** 100000 }}",
        "{{ (10 ** 10) ** (10 ** 10) }}",
        "{{ range(100001) | list }}",
        "{{ range(-9223372036854775807, 9223372036854775807) | list }}",
        "{% set ns = namespace(s='aaaaaaaaaaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s='aaaaaaaaaaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s.replace('a', 'aa') %}{% endfor %}",
        "{% set ns = namespace(s='aaaaaaaaaaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s.join(ns.s) %}{% endfor %}",
        "{% set ns = namespace(s='aaaaaaaaaaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s | replace('', 'aaaa') %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
        "{% set ns = namespace(n=9) %}{% for i in range(100) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
        "{% for i in range(99999) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' * 100000 }}{% endfor %}",
        "{% set s = 'a' * 10000000 %}{% for i in range(99999) %}{{ s | length }}{{ s.upper() | length }}{% endfor %}",
        "{% set s = 'a' * 10000000 %}{% for i in range(99999) %}{{ 'b' in s }}{% endfor %}",
        "{% set s = 'a' * 10000000 %}{% for i in range(99999) %}{{ s.count('b') }}{{ s[::-1] | length }}{% endfor %}",
        "{% set s = 'a' * 10000000 %}{% for i in range(99999) %}{% if s == s[1:] %}{% endif %}{% endfor %}",
        "{% set s = 'a' * 1000000 %}{{ s.split('a') }}{{ s.split('a') | map('upper') | join('x' * 10000) }}",
        // Shared structure that grows exponentially when visited, and deep structure
        Grow + "{{ ns.x }}",
        Grow + "{{ ns.x | tojson }}",
        Grow + "{% set y = ns.x %}" + Grow + "{{ y == ns.x }}",
        Grow + "{% set y = ns.x %}" + Grow + "{{ y < ns.x }}",
        Grow.Replace("[ns.x, ns.x]", "(ns.x, ns.x)", StringComparison.Ordinal).Replace("['a']", "('a',)", StringComparison.Ordinal) + "{{ {ns.x: 1} }}",
        Deep + "{{ ns.x }}",
        Deep + "{{ ns.x | tojson }}",
        Deep + "{{ ns.x | string | length }}",
        Deep + "{% set y = ns.x %}" + Deep + "{{ y == ns.x }}{{ y < ns.x }}",
        Deep.Replace("[ns.x]", "(ns.x,)", StringComparison.Ordinal) + "{{ {ns.x: 1} }}",
        "{% set ns = namespace(x=1) %}{% for i in range(99999) %}{% set ns.x = {'a': ns.x} %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace() %}{% set ns.self = ns %}{{ ns }}",
        "{% set ns = namespace(g=[1]) %}{% for i in range(99999) %}{% set ns.g = ns.g | map('string') %}{% endfor %}{{ ns.g | list }}",
        "{% for i in range(99999) %}{{ '{0}'.format(range(99999) | list) | length }}{% endfor %}",
        "{{ range(99999) | map('string') | sort | join | length }}{% for i in range(1000) %}{{ range(99999) | sort | length }}{% endfor %}",
        "{% for i in range(99999) %}{{ range(99999) | sum }}{% endfor %}",
    ];

    [Theory]
    [MemberData(nameof(Hostile))]
    public void A_hostile_template_is_stopped_in_time_and_space(string source)
    {
        var watch = Stopwatch.StartNew();
        var before = GC.GetAllocatedBytesForCurrentThread();
        var template = ChatTemplate.Parse(source, "hostile.jinja");
        var error = Assert.Throws<InvalidDataException>(() => template.Render(new Dictionary<string, object?>()));
        var inner = Assert.IsType<ChatTemplateException>(error.InnerException);
        Assert.Contains(inner.ErrorType, new[] { "LimitError", "RecursionError", "OverflowError" });
        Assert.StartsWith("hostile.jinja, line 1: ", error.Message, StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 3L << 30, "allocated more than 3 GiB in all");
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"took {watch.Elapsed}");
    }

    public static TheoryData<string> Nested =>
    [
        new string('(', 20_000) + "1",
        new string('[', 20_000) + "1",
        string.Concat(Enumerable.Repeat("{'a':", 10_000)),
        string.Concat(Enumerable.Repeat("not ", 20_000)) + "1",
        new string('-', 20_000) + "1",
        string.Concat(Enumerable.Repeat("1 if 1 else ", 10_000)) + "1",
        "1" + string.Concat(Enumerable.Repeat(" + 1", 10_000)),
        "1" + string.Concat(Enumerable.Repeat(" ~ 1", 10_000)),
        "1" + string.Concat(Enumerable.Repeat("|string", 10_000)),
        "a" + string.Concat(Enumerable.Repeat(".a", 10_000)),
        "a" + string.Concat(Enumerable.Repeat("[0]", 10_000)),
        "1" + string.Concat(Enumerable.Repeat(" and 1", 10_000)),
        "1" + string.Concat(Enumerable.Repeat(" < 2", 10_000)),
        string.Concat(Enumerable.Repeat("f(", 10_000)),
        string.Concat(Enumerable.Repeat("'a'", 20_000)),
        "1 | a" + string.Concat(Enumerable.Repeat(".a", 20_000)),
    ];

    [Theory]
    [MemberData(nameof(Nested))]
    public void Nested_source_never_overflows_the_stack(string expression)
    {
        var watch = Stopwatch.StartNew();
        foreach (var source in new[] { "{{ " + expression + " }}", "{% if " + expression + " %}{% endif %}", "{% set x = " + expression + " %}" })
        {
            try
            {
                ChatTemplate.Parse(source, "nested").Render(new Dictionary<string, object?> { ["a"] = 1L });
            }
            catch (InvalidDataException e)
            {
                Assert.IsType<ChatTemplateException>(e.InnerException);
            }
        }

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"took {watch.Elapsed}");
    }

    [Theory]
    [InlineData("{% if 1 %}")]
    [InlineData("{% for i in x %}")]
    [InlineData("{% macro m() %}")]
    [InlineData("{% set a %}")]
    [InlineData("{% filter upper %}")]
    [InlineData("{% with %}")]
    [InlineData("{% generation %}")]
    public void Nested_blocks_never_overflow_the_stack(string tag)
    {
        var source = string.Concat(Enumerable.Repeat(tag, 10_000));
        var error = Assert.Throws<InvalidDataException>(() => ChatTemplate.Parse(source, "nested"));
        Assert.Contains("blocks nest deeper than 100 levels", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_small_stack_is_enough()
    {
        Exception? caught = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    ChatTemplate.Parse("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "t").Render(new Dictionary<string, object?>());
                }
                catch (InvalidDataException e)
                {
                    caught = e;
                }
            },
            maxStackSize: 256 * 1024);
        thread.Start();
        thread.Join();
        Assert.Contains("RecursionError", caught!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_conversation_is_no_problem()
    {
        var messages = Enumerable.Range(0, 2000).Select(i => new ChatMessage(i % 2 == 0 ? "user" : "assistant", new string('x', 1000))).ToList();
        var template = ChatTemplate.Parse("{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}<end>{% endfor %}", "t");
        Assert.True(template.Render(messages).Text.Length > 2_000_000);
    }

    [Fact]
    public void A_source_that_is_too_long_is_refused()
    {
        var error = Assert.Throws<InvalidDataException>(() => ChatTemplate.Parse(new string('x', 2_000_000), "big.jinja"));
        Assert.Equal("big.jinja: a chat template of 2000000 characters is more than the limit of 1048576", error.Message);
    }

    [Fact]
    public void Limits_can_be_set()
    {
        var limits = new ChatTemplateLimits { MaxSteps = 50 };
        var template = ChatTemplate.Parse("{% for i in range(100) %}{% endfor %}", "t", limits, TimeProvider.System);
        var error = Assert.Throws<InvalidDataException>(() => template.Render(new Dictionary<string, object?>()));
        Assert.Equal(
            "t, line 1: the template needs more than 50 steps (a template may not use more; if the conversation is really that long, raise ChatTemplateLimits)",
            error.Message);
    }

    [Fact]
    public void Values_from_outside_that_contain_themselves_are_refused()
    {
        var list = new List<object?>();
        list.Add(list);
        var error = Assert.Throws<InvalidDataException>(
            () => ChatTemplate.Parse("x", "t").Render(new Dictionary<string, object?> { ["l"] = list }));
        Assert.Contains("RecursionError", error.Message, StringComparison.Ordinal);
    }
}
