using Lorikeet.Text.Chat;

namespace Lorikeet.Text.Tests.Chat;

/// <summary>What the reference's own cases leave out. Expectations are those of jinja2 3.1.6 in transformers' environment.</summary>
public sealed class TemplateLanguageTests
{
    private static readonly Dictionary<string, object?> Variables = new()
    {
        ["a"] = 1L,
        ["b"] = 2.5,
        ["l"] = new List<object?> { 3L, 1L, 2L },
        ["d"] = new Dictionary<string, object?> { ["x"] = 1L },
        ["u"] = "h\u00e9llo \U0001F600 \u00df",
        ["s"] = "Hello, World",
    };

    private static string Render(string source) => ChatTemplate.Parse(source, "t.jinja").Render(Variables).Text;

    private static ChatTemplateException Fails(string source) => (ChatTemplateException)Assert.Throws<InvalidDataException>(() => Render(source)).InnerException!;

    [Theory]
    // Numbers
    [InlineData("{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ -10.5 % 3 }} {{ 7.5 // -2 }}", "-4 2 -2 1.5 -4.0")]
    [InlineData("{{ 9223372036854775807 + 1 }} {{ 3000000000 * 4000000000 }} {{ 2 ** 3 ** 2 }} {{ 2 ** -1 }}", "9223372036854775808 12000000000000000000 64 0.5")]
    [InlineData("{{ 1e16 }} {{ 1e-5 }} {{ 123456789.123 }} {{ 1e22 }} {{ 5e-324 }} {{ 0.1 + 0.2 }}", "1e+16 1e-05 123456789.123 1e+22 5e-324 0.30000000000000004")]
    [InlineData("{{ 2.675 | round(2) }} {{ 0.5 | round }} {{ 1.5 | round }} {{ 1234.5 | round(-2) }} {{ 17 | round(-1) }}", "2.67 0.0 2.0 1200.0 20")]
    [InlineData("{{ '%.2f' % 0.125 }} {{ '%g' % 1e-5 }} {{ '%e' % 12345.678 }} {{ '{:,.2f}'.format(1234567.891) }}", "0.12 1e-05 1.234568e+04 1,234,567.89")]
    [InlineData("{{ 1 == 1.0 == true }} {{ {1: 'a'}[true] }} {{ {1: 1, 1.0: 2} }}", "True a {1: 2}")]
    // Texts count code points
    [InlineData("{{ u | length }} {{ u[6] }} {{ u[::-1] }} {{ u.find('ß') }} {{ u.center(12, '*') }}|{{ u | list | last }}", "9 😀 ß 😀 olléh 8 *héllo 😀 ß**|ß")]
    [InlineData("{{ 'ß'.upper() }} {{ 'ΑΣ'.lower() }} {{ \"it's a dog\".title() }} {{ \"it's a dog\" | title }} {{ 'ǆ'.title() }}", "SS ας It'S A Dog It's A Dog ǅ")]
    [InlineData("{{ ['a\\'b', 'c\"d', '\\n', 'é', '\\x7f'] }}", "[\"a'b\", 'c\"d', '\\n', 'é', '\\x7f']")]
    [InlineData("{{ ' a b '.split(' ') }} {{ ' a b '.split() }} {{ 'a,b,c'.rsplit(',', 1) }} {{ 'a\\r\\nb\\n'.splitlines() }}", "['', 'a', 'b', ''] ['a', 'b'] ['a,b', 'c'] ['a', 'b']")]
    // Escaping is remembered
    [InlineData("{{ ('<' | e) + '<' }} {{ ('<' | e) ~ '<' }} {{ '<' | e | e }} {{ ['<' | e] }}", "&lt;&lt; &lt;< &lt; [Markup('&lt;')]")]
    // Loops
    [InlineData("{% for i in l %}{% break %}{% else %}E{% endfor %}", "E")]
    [InlineData("{% for i in l %}{% continue %}{% else %}E{% endfor %}", "E")]
    [InlineData("{% for i in l %}{% for j in [] %}{% else %}{% continue %}{% endfor %}x{% endfor %}", "")]
    [InlineData("{% for i in range(3) %}{% if i == 0 %}{% set q = 'a' %}{% endif %}[{{ q }}]{% endfor %}", "[a][][]")]
    [InlineData("{% set ns = namespace(x=0) %}{% for i in [1, 1, 2] if i != ns.x %}{{ i }}{% set ns.x = i %}{% endfor %}", "12")]
    [InlineData("{% for i in [1, [2, [3]]] recursive %}{% if i is iterable %}<{{ loop.depth }}{{ loop(i) }}>{% else %}{{ i }}{% endif %}{% endfor %}", "1<12<23>>")]
    [InlineData("{% set x = l | map('string') %}{{ x | list }}{{ x | list }}", "['3', '1', '2'][]")]
    // Macros
    [InlineData("{% macro m(x, y=x) %}{{ y }}{% endmacro %}{{ m(4) }}{{ m(y=1, x=2) }}", "41")]
    [InlineData("{% macro m() %}{{ caller(1, b=2) }}{% endmacro %}{% call(a, b=0) m() %}{{ a }}{{ b }}{% endcall %}", "12")]
    [InlineData("{% macro m() %}{{ a }}{% set a = 3 %}{{ a }}{% endmacro %}{{ m() }}{{ a }}", "131")]
    // Blanks
    [InlineData("a\n  {%- if a -%}  \nb\n  {%- endif -%}\nc", "abc")]
    [InlineData("a\n  {%+ if a +%}\nb\n  {% endif +%}\nc", "a\n  \nb\n\nc")]
    [InlineData("a\r\nb\r{% if a %}\r\nc{% endif %}\n", "a\nb\nc")]
    [InlineData("a{% raw -%}  {{ x }}  {%- endraw %}b", "a{{ x }}b")]
    // What happens only when reached
    [InlineData("{% if not a %}{{ 1 | nope }}{% endif %}ok", "ok")]
    [InlineData("{{ 'x' if a else zz.y.z }}", "x")]
    public void Prints_what_Jinja_prints(string source, string expected) => Assert.Equal(expected, Render(source));

    [Theory]
    [InlineData("{{ zz.a }}", "UndefinedError", "'zz' is undefined")]
    [InlineData("{{ d.nope.x }}", "UndefinedError", "'dict object' has no attribute 'nope'")]
    [InlineData("{{ l[7].x }}", "UndefinedError", "list object has no element 7")]
    [InlineData("{{ 1 + 'a' }}", "TypeError", "unsupported operand type(s) for +: 'int' and 'str'")]
    [InlineData("{{ 'a' + 1 }}", "TypeError", "can only concatenate str (not \"int\") to str")]
    [InlineData("{{ 'a' < 1 }}", "TypeError", "'<' not supported between instances of 'str' and 'int'")]
    [InlineData("{{ 1 // 0 }}", "ZeroDivisionError", "integer division or modulo by zero")]
    [InlineData("{{ {[1]: 2} }}", "TypeError", "unhashable type: 'list'")]
    [InlineData("{{ l.append(1) }}", "SecurityError", "access to attribute 'append' of 'list' object is unsafe.")]
    [InlineData("{{ ''.__class__.__mro__ }}", "SecurityError", "access to attribute '__class__' of 'str' object is unsafe.")]
    [InlineData("{{ '{0.__class__.__name__}'.format(s) }}", "SecurityError", "access to attribute '__class__' of 'str' object is unsafe.")]
    [InlineData("{% set d.x = 1 %}", "TemplateRuntimeError", "cannot assign attribute on non-namespace object")]
    [InlineData("{{ 1 | nope }}", "TemplateAssertionError", "No filter named 'nope'.")]
    [InlineData("{% macro m(x) %}{% endmacro %}{{ m(1, 2) }}", "TypeError", "macro 'm' takes not more than 1 argument(s)")]
    [InlineData("{{ range(100001) }}", "OverflowError", "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).")]
    [InlineData("{% if a %}x", "TemplateSyntaxError", "Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. The innermost block that needs to be closed is 'if'.")]
    [InlineData("{% foo %}", "TemplateSyntaxError", "Encountered unknown tag 'foo'.")]
    [InlineData("{{ (1 }}", "TemplateSyntaxError", "unexpected '}', expected ')'")]
    [InlineData("{{ 'a }}", "TemplateSyntaxError", "unexpected char \"'\" at 3")]
    public void Fails_as_Jinja_fails(string source, string type, string detail)
    {
        var error = Fails(source);
        Assert.Equal((type, detail), (error.ErrorType, error.Detail));
    }

    [Fact]
    public void Errors_name_template_line_and_finding()
    {
        var error = Assert.Throws<InvalidDataException>(() => Render("a\n{% if a %}\n\n  {{ zz.x }}\n{% endif %}"));
        Assert.Equal("t.jinja, line 4: 'zz' is undefined (UndefinedError)", error.Message);
        error = Assert.Throws<InvalidDataException>(() => Render("{# c\n #}\n{{ raise_exception('no ' ~ a) }}"));
        Assert.Equal("t.jinja, line 3: the template refused this conversation: no 1", error.Message);
        error = Assert.Throws<InvalidDataException>(() => Render("\n\n{% for %}"));
        Assert.Equal("t.jinja, line 3: expected token 'name', got 'end of statement block' (TemplateSyntaxError)", error.Message);
    }

    [Fact]
    public void Messages_may_see_tools_and_documents_as_none()
    {
        var template = ChatTemplate.Parse("{{ tools is none }}{{ documents is none }}{{ tools is defined }}{{ bos_token is defined }}", "t");
        Assert.Equal("TrueTrueTrueFalse", template.Render([]).Text);
        Assert.Equal("FalseTrueTrueFalse", template.Render([], variables: new Dictionary<string, object?> { ["tools"] = new List<object?>() }).Text);
    }

    [Fact]
    public void The_clock_is_the_callers()
    {
        var clock = new FixedTime(new DateTimeOffset(2024, 7, 6, 15, 4, 5, TimeSpan.Zero));
        const string Source = "{{ strftime_now('%d %b %Y|%A|%-d|%j|%I:%M %p|%y|%U|%W|%V|%e|%H:%M:%S|%%') }}";
        Assert.Equal(
            "06 Jul 2024|Saturday|6|188|03:04 PM|24|26|27|27| 6|15:04:05|%",
            ChatTemplate.Parse(Source, "t", ChatTemplateLimits.Default, clock).Render([]).Text);
    }

    private sealed class FixedTime(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;

        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;
    }

    [Fact]
    public void Generation_blocks_inside_a_macro_are_found_or_said_to_be_lost()
    {
        var found = ChatTemplate.Parse("{% macro m() %}<{% generation %}x😀{% endgeneration %}>{% endmacro %}a{{ m() }}{{ m() }}", "t").Render([]);
        Assert.Equal(["x😀", "x😀"], found.GenerationSpans.Select(s => found.Text[s.Start..s.End]));
        var lost = ChatTemplate.Parse("{% set x %}{% generation %}abc{% endgeneration %}{% endset %}{{ x | upper }}", "lost.jinja").Render([]);
        Assert.Equal("ABC", lost.Text);
        Assert.Contains("lost.jinja: a {% generation %} block", Assert.Throws<InvalidDataException>(() => lost.GenerationSpans).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_may_be_used_by_many_threads()
    {
        var template = ChatTemplate.Parse("{% for i in range(200) %}{{ loop.cycle('a', 'b') }}{{ i }}{% endfor %}", "t");
        var expected = template.Render([]).Text;
        var texts = new string[16];
        var threads = Enumerable.Range(0, 4).Select(t => new Thread(() =>
        {
            for (var i = t; i < 16; i += 4)
            {
                texts[i] = template.Render([]).Text;
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        Assert.All(texts, text => Assert.Equal(expected, text));
    }
}
