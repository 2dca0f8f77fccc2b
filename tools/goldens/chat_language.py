"""Writes test/goldens/chat_templates/language.json: small templates and what jinja2 makes of them in the environment of
transformers' apply_chat_template. Needs jinja2 3.1.6; run from the repository root: python tools/goldens/chat_language.py
Half of the templates is a list that goes through operators, filters, tests and methods; half is random (seeded).
"""
import copy
import json
import random
import re
import warnings

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

warnings.simplefilter("ignore")


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_keep"), [], [], body).set_lineno(line)

    def _keep(self, caller):
        return caller()


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


ENV = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
ENV.filters["tojson"] = tojson
ENV.globals["raise_exception"] = raise_exception

VARS = {
    "a": 1, "b": 2.5, "s": "Hello, World", "e": "", "l": [3, 1, 2], "d": {"x": 1, "y": [1, 2], "z": {"k": "v"}}, "n": None, "t": True, "f": False,
    "u": "héllo 😀 ß", "neg": -7, "big": 10**20,
    "msgs": [{"role": "user", "content": "hi"},
             {"role": "assistant", "content": [{"type": "text", "text": "yo"}, {"type": "image"}],
              "tool_calls": [{"function": {"name": "f", "arguments": {"q": 1}}}]}],
    "lines": "one\ntwo\r\nthree\n\nfive", "ws": "  a \t b\nc  ", "q": "it's \"q\"",
    "items": [{"n": "b", "v": 2}, {"n": "A", "v": 1}, {"n": "a", "v": 3}],
    "fl": [0.1, 1e16, 1e-5, 123456789.123, 1.0, -0.0, 1e22, 5e-324, 1.5e300],
}

# What Lorikeet does otherwise on purpose, or what has no defined text: memory addresses, random choices, bytes, complex numbers,
# constant folding of nonsense, a loop variable that is assigned to, an empty subscript, % on escaped text.
EXCLUDED = re.compile(
    r"(?i: at 0x)|random|encode\(\)|\d+j\)|^\{\{ (0|1|7|2\.0|1e308)\[|big \* e|e \* big|\*\* b|set loop|a\[\]|not \[\]|\|e\) %|swapcase|truncate\(5\)")


def render(template):
    try:
        return {"expected": ENV.from_string(template).render(**copy.deepcopy(VARS))}
    except Exception as error:
        return {"error": type(error).__name__}


X = []


def e(*expressions):
    X.extend("{{ " + x + " }}" for x in expressions)


def r(*templates):
    X.extend(templates)


# arithmetic
vals=["a","b","neg","big","0","1","-1","2.0","t","n","s","e","l","zz","(1,2)","d","'3'","7","-0.0","1e308"]
for op in ["+","-","*","/","//","%","**","==","<",">=","!=","in","not in","and","or","~"]:
    for x in vals:
        for y in vals:
            if op in("**",) and (x=="big" or y=="big" or y in("1e308",)): continue
            if op=="*" and (("big" in (x,y)) and any(v in ("s","l","(1,2)","'3'") for v in (x,y))): continue
            e(f"{x} {op} {y}")
for x in vals: e(f"not {x}", f"-{x}", f"+{x}", f"{x}|string", f"[{x}]", f"{x} is defined", f"{x}|tojson", f"{x}|int", f"{x}|float", f"{x}|length", f"{x}|list", f"{x}|abs", f"{x}|round", f"{x}|upper", f"{x}|default('D')", f"{x}|default('D', true)", f"{x}|first", f"{x}|last",f"{x}|join('-')",f"{x}|sum",f"{x}|sort",f"{x}|reverse|list",f"{x}|unique|list",f"{x}|min",f"{x}|max",f"{x}|trim",f"{x}|e",f"{x}|capitalize",f"{x}|title",f"{x}|wordcount",f"{x}|items|list",f"{x}|dictsort",f"{x}|map('upper')|list",f"{x}|select|list",f"{x}|reject|list",f"{x}|batch(2)|list",f"{x}|slice(2)|list",f"{x}|pprint",f"{x}|filesizeformat",f"{x}|urlencode",f"{x}|center(9)",f"{x}|indent",f"{x}|truncate(5)",f"{x}|replace('l','L')",f"{x}|striptags",f"{x}|forceescape",f"{x}|xmlattr",f"{x}|format(1)",f"{x}|groupby('x')",f"{x}|count",f"{x}|attr('x')",f"{x}|wordwrap(5)",f"{x}.x",f"{x}['x']",f"{x}[0]",f"{x}[-1]",f"{x}[1:]",f"{x}[::-1]",f"{x}()",f"{x}.upper()",f"{x}.items()|list",f"{x}.get('x')",f"'%s' % {x}",f"'%d' % {x}",f"'%5.1f|' % {x}",f"'%r' % {x}",f"'{{}}'.format({x})",f"'{{:>6}}'.format({x})",f"'{{!r}}'.format({x})")
tests=["boolean", "callable", "defined", "even", "odd", "false", "float", "integer", "iterable", "lower", "upper", "mapping", "none", "number",
    "sequence", "string", "true", "undefined", "escaped"]
for t in tests:
    for x in vals: e(f"{x} is {t}", f"{x} is not {t}")
e("4 is divisibleby 2", "4 is divisibleby(3)", "4 is divisibleby 0", "'a' is in 'abc'", "1 is in [1]", "1 is sameas 1", "n is sameas none",
    "'upper' is filter", "'zork' is filter", "'odd' is test", "1 is eq 1", "1 is equalto(2)", "1 is gt 0", "1 is lessthan 3", "1 is ge 1",
    "1 is ne 2", "3 is <3" )
# strings
m=["upper()", "lower()", "title()", "capitalize()", "swapcase()", "casefold()", "strip()", "lstrip()", "rstrip()", "strip('dH')", "split()",
    "split(',')", "split('l', 1)", "rsplit('l',1)", "rsplit(None,1)", "split(None,1)", "splitlines()", "splitlines(true)", "partition('o')",
    "rpartition('o')", "find('o')", "rfind('o')", "index('o')", "index('zz')", "count('l')", "count('')", "startswith('He')",
    "startswith(('x','He'))", "endswith('d')", "replace('l','L')", "replace('l','L',1)", "replace('','-')", "replace('','-',3)", "zfill(20)",
    "center(20)", "center(21,'*')", "ljust(15)", "rjust(15,'.')", "isalpha()", "isdigit()", "isalnum()", "isspace()", "isupper()", "islower()",
    "istitle()", "isnumeric()", "isdecimal()", "isidentifier()", "isprintable()", "isascii()", "expandtabs()", "expandtabs(4)",
    "removeprefix('Hello')", "removesuffix('World')", "join(['a','b'])", "join(s)", "encode()", "find('o',5)", "find('l',2,4)", "format(1)",
    "startswith('l',2)", "startswith('',99)", "find('',99)", "foo", "foo()", "__class__", "__len__()", "upper", "find()", "split(1)",
    "upper(1)", "join(1)", "join([1])"]
for x in ["s","e","u","lines","ws","q","'İıǆ ΑΣ ΣΑΣ ﬁn'","'123'","'²³½'","'a_b'","'Ab Cd'","'\\t\\x00\\x7f'","'٣'","'ab'","'-5'","'+5'"]:
    for k in m: e(f"{x}.{k}")
    for k in ["[0]", "[-1]", "[1:3]", "[::-1]", "[::2]", "[5:2]", "[-3:]", "[:-3]", "[99]", "[::0]", "['a']", "|length", "|list", "|reverse",
        "|upper", "|title", "|capitalize", "|trim('l')", "|tojson", "|tojson(ensure_ascii=true)", "|urlencode", "|wordcount", "|string", "|e",
        "|center(25)", "|indent(2)", "|indent('> ',true,true)", "|indent(first=true)", "|truncate(6)", "|truncate(6,true)",
        "|truncate(6,false,'..',0)", "|truncate(2)", "|wordwrap(4)", "|wordwrap(6,false)", "|wordwrap(3,true,'|')", "|replace('l','')", "|int",
        "|float", "|batch(3)|list", "|sort|join", "|unique|join", "|first", "|last", "|min", "|max", "|random is defined", "|join(',')",
        "|striptags", "|lower", "|list|last", "|select('in','aeiou')|list"]: e(f"{x}{k}")
e("'a' 'b' 'c'", "'a\\nb'", "'\\u00e9\\x41\\101\\q\\''",'"\\""',"'\\U0001F600'", "'a\\\nb'", "'ab' * 3", "3 * 'ab'", "'ab' * -1", "[1]*3",
    "(1,)*2", "'x' in 'xyz'", "1 in '1'", "'a' < 'b'", "'a' < 1", "[1,2] < [1,3]", "(1,2) < (1,)", "[1] < (1,)", "none < 1", "'Z' < 'a'",
    "1 == 1.0 == true", "{1:'a'}[1.0]", "{1:'a'}[true]", "{true:'x'}[1]", "{none:1}[none]", "{(1,2):3}[(1,2)]", "{[1]:2}", "{'a':1,'a':2}",
    "{1:1,1.0:2}", "{'a':1}=={'a':1.0}", "[1,[2]]==[1,[2.0]]", "d.x", "d['x']", "d.z.k", "d.items", "d.keys()", "d.values()", "d.items()",
    "d.get('q')", "d.get('q',5)", "d.get()", "d.copy()", "d.pop('x')", "d.update({})", "d.clear()", "d.nope", "d.nope.x", "d[0]", "d|length",
    "d|list", "d|first", "d|last", "d|tojson", "d|tojson(indent=2)", "d|tojson(indent=0)", "d|tojson(indent='--')",
    "d|tojson(sort_keys=true, separators=(',',':'))", "d|dictsort(false,'value')", "{'b':1,'A':2,'a':3}|dictsort",
    "{'b':1,'A':2,'a':3}|dictsort(true)", "{'b':1,'A':2}|dictsort(reverse=true)", "d|items|list", "d|urlencode", "{'a':1,'b':none}|xmlattr",
    "{'a b':1}|xmlattr", "'x' in d", "'q' in d", "d == d", "d < d", "dict(d)", "dict(d,w=1)", "dict([('a',1)])", "dict([1])", "dict(1)",
    "namespace(a=1)", "namespace(a=1).a", "namespace(a=1).b", "namespace({'q':2}).q", "namespace(a=1)['a']", "namespace()|string")
e("l[0]", "l[-1]", "l[3]", "l[1:]", "l[::-1]", "l[:1]", "l['a']", "l.0", "l.append(4)", "l.index(1)", "l.index(9)", "l.count(1)", "l.sort()",
    "l.copy()", "l.pop()", "l|sort", "l|sort(reverse=true)", "l|sum", "l|sum(start=10)", "l|max", "l|min", "l|first", "l|last", "l|join(', ')",
    "l|join", "l|map('string')|list", "l|map('nope')|list", "l|map(attribute='x')|list", "l|select('odd')|list", "l|select('gt',1)|list",
    "l|reject('odd')|list", "l|select('nope')|list", "l|batch(2)|list", "l|batch(2,'x')|list", "l|slice(2)|list", "l|slice(2,'x')|list",
    "l|reverse", "l|reverse|list", "l|unique|list", "l|tojson", "l|length", "l|count", "l|list", "l|map('odd')", "l == [3,1,2]", "l + [1]",
    "l + (1,)", "l|first|string|upper", "l|map('pprint')|list", "l|attr('count') is callable", "l|random is defined if false", "l|map|list",
    "l|map()|list", "l|select()|list", "l|groupby('x')|list", "(1,2)|first", "()", "(1,)", "(1,2)", "[]", "[1,]", "{}", "{'a':1,}", "(1)",
    "((1,2),3)")
e("items|map(attribute='n')|join(',')", "items|sort(attribute='n')|map(attribute='v')|list",
    "items|sort(attribute='n',case_sensitive=true)|map(attribute='v')|list", "items|sort(attribute='n,v')|map(attribute='v')|list",
    "items|sort(attribute='v',reverse=true)|map(attribute='n')|list", "items|groupby('n')|list",
    "items|groupby('n',case_sensitive=true)|map(attribute='grouper')|list", "items|groupby('q',default='D')|list",
    "items|groupby('n')|map('first')|list", "items|unique(attribute='n')|map(attribute='v')|list",
    "items|unique(true,'n')|map(attribute='v')|list", "items|sum(attribute='v')", "items|max(attribute='v')", "items|min(attribute='n')",
    "items|selectattr('v','gt',1)|map(attribute='n')|list", "items|selectattr('v','odd')|list|length", "items|rejectattr('v','in',[1,2])|list",
    "items|selectattr('q')|list", "items|selectattr('q','defined')|list", "items|selectattr('q','undefined')|list|length",
    "items|selectattr()|list", "items|map(attribute='q',default='z')|list", "items|map(attribute='q')|list", "items|map(attribute='n.0')|list",
    "items|map('attr','n')|list", "items|map('items')|map('list')|list", "items|join(',',attribute='n')", "items|join(attribute='v')",
    "items|tojson", "items|first|items|list", "msgs|map(attribute='content')|list", "msgs|selectattr('role','equalto','user')|list",
    "msgs[1].tool_calls[0].function.arguments|tojson", "msgs[1].content|selectattr('type','eq','text')|map(attribute='text')|first",
    "msgs[0].content is string", "msgs[1]['content'][0]['text']", "msgs[5].x", "msgs[-1].role", "(msgs|last).role",
    "msgs|length > 1 and msgs[0].role == 'user'", "msgs[1:]|length", "msgs|rejectattr('role','eq','user')|list|length",
    "msgs|batch(1)|list|length", "msgs|map('dictsort')|list|length")
for x in ["fl[%d]"%i for i in range(9)]+["1.5","2.5","0.5","-2.5","2.675","1234.5678","0.1+0.2","1e100","1/3","100.0","1e15","123456789012345680.0"]:
    e(x,f"{x}|round",f"{x}|round(2)",f"{x}|round(-1)",f"{x}|round(1,'ceil')",f"{x}|round(1,'floor')",f"{x}|int",f"{x}|string",f"{x}|tojson",f"'%.2f' % {x}",f"'%g' % {x}",f"'%e' % {x}",f"'%10.3g|' % {x}",f"'{{:.3}}'.format({x})",f"'{{:,.2f}}'.format({x})",f"'{{:g}}'.format({x})",f"'{{:10.1e}}'.format({x})",f"'{{:%}}'.format({x})",f"'{{:+.1f}}'.format({x})",f"'{{:010.2f}}'.format({x})",f"{x}|filesizeformat",f"{x}|filesizeformat(true)")
for x in ["0","5","-5","1234567","big","true"]:
    for sp in ["d", "5", "05", "+", "x", "#x", "b", "o", "#b", ",", "_", "c", "<8", "^8", "*^9", "=+8", "08,", "e", ".2f", "X", "n", "s",
        "10.3"]: e(f"'{{:{sp}}}'.format({x})")
    for sp in ["%d", "%5d", "%05d", "%-5d|", "%+d", "%x", "%#x", "%o", "%c", "%s", "%.3d", "% d", "%i", "%e", "%r", "%5s|", "%-5s|", "%.1s",
        "%%", "%q", "%"]: e(f"'{sp}' % {x}")
for sp in ["","10","<10","^11","*>10",".2","10.1","s","d","=5"]: e(f"'{{:{sp}}}'.format('abc')")
e("'%s %s' % (1,2)", "'%s' % (1,)", "'%s %s' % (1,)", "'%s' % (1,2)", "'%(a)s' % {'a':5}", "'%(b)s' % {'a':5}", "'%s' % {'a':5}",
    "'%s' % [1,2]", "'%*d' % (5,3)", "'a' % 1", "'a' % ()", "'%d' % '3'", "'%d' % 3.7", "'%x' % 3.5", "'%s' % none", "'%c' % 'ab'",
    "'%c' % 'é'", "'%5.2f%%' % 3", "'{0}{1}{0}'.format(1,2)", "'{}{}'.format(1)", "'{a}'.format(a=1)", "'{a.x}'.format(a=d)",
    "'{a[x]}'.format(a=d)", "'{0[1]}'.format(l)", "'{a.__class__}'.format(a=1)", "'{{}}'.format()", "'{'.format()", "'}'.format()",
    "'{!s}{!r}'.format('a','b')", "'{:{}}'.format('a',5)", "'{x}'.format_map({'x':1})", "'{:>{w}}'.format('a',w=4)", "'{0}{}'.format(1,2)",
    "'{:d}'.format('a')", "'{}'.format(l)", "'{:5}'.format(none)", "'{}'.format(zz)", "'%s' % zz", "'{:.1f}'.format(1)", "'%s|%s'|format(1,2)",
    "'%(a)s'|format(a=1)", "'%s'|format(a)" )
e("range(5)", "range(5)|list", "range(1,5,2)|list", "range(5,0,-2)|list", "range(0)|list", "range(100001)", "range(1,2,0)", "range('a')",
    "range()", "range(5)[1]", "range(5)[1:3]|list", "range(10)|sum", "3 in range(5)", "range(3)|length", "range(3)|last",
    "range(3)|reverse|list", "range(3) == range(0,3)", "range(3)|tojson", "cycler('a','b').next()", "cycler()", "joiner(',')()",
    "joiner is defined", "lipsum is defined", "cycler(1,2).current", "dict(a=1)|length", "zz|default(1)", "zz.a|default(1)",
    "(zz|default({})).a", "zz is defined and zz.a", "zz", "zz ~ 'a'", "zz + 1", "zz == zz", "zz == none", "zz|length", "zz|list", "zz|join",
    "zz in [1]", "1 in zz", "zz < 1", "zz()", "zz[0]", "zz|tojson", "zz|int", "zz|upper", "zz|first", "not zz", "zz or 'x'", "zz and 'x'",
    "zz if zz else 'n'", "'x' if false", "('x' if false)|default('D')", "('x' if false).y", "1 if 0 else 2 if 0 else 3", "1 if t else zz.q",
    "a if a > 1", "none.x", "none[0]", "none|length", "none|default('d')", "none|default('d',true)", "none ~ 1", "none|string", "none|int(5)",
    "none|list", "none + 1", "none == none", "none is none", "true + 1", "true ~ 1", "True", "None", "False", "true|int", "true|string",
    "true == 1", "-true", "1.real", "1 .real", "a.real", "a.bit_length()", "b.is_integer()", "1.5.is_integer()")
e("1 < 2 < 3", "1 < 3 < 2", "1 == 1 != 2", "'a' in 'abc' in ['abc']", "not 1 == 2", "not not 1", "1 and 0 or 2", "1 or zz.x.y", "0 and zz.x.y",
    "2 ** 3 ** 2", "-2 ** 2", "2 ** -1", "2 ** 0.5", "0 ** 0", "0 ** -1", "10 % -3", "-10 % 3", "-10 // 3", "10.5 // 3", "-10.5 % 3",
    "7.5 % -2", "1 // 0", "1 / 0", "1 % 0", "1.0 / 0", "1.0 // 0", "5 // 2.0", "1e308 * 10", "-1 ** 0.5", "(-8) ** 0.5", "10 ** 20",
    "10 ** 400 > 1", "2 ** 64 - 1", "9223372036854775807 + 1", "-9223372036854775807 - 2", "3000000000 * 4000000000", "big + 1", "big * big",
    "big // 7", "big % 7", "-big // 7", "big / 3", "big == 1e20", "big > 1e20", "big|tojson", "big|float", "0x1F", "0b101", "0o17", "1_000",
    "1_0.5_0", "1.", "1e5", "1E-5", "1e+5", "00", "007", "1.5e3", "5 is odd", "-3|abs", "(-3)|abs", "-3|string|length", "1 ~ 2 + 3",
    "1 + 2 ~ 3", "'a' ~ 'b' * 2", "1 if a == 1 and b else 2", "l|length == 3", "l|first + 1", "'x'|upper ~ 'y'", "a + b * 2 - 1",
    "(a + b) * 2", "a|string + 'x'", "'a'|upper|lower|title", "l[a]", "l[a:]", "l[:a+1]", "d[s[:0] ~ 'x']", "s[a:a+3]|upper",
    "{'a': [1, {'b': (2, none, true)}]}", "{'a': 'x\\'y'}", "['\"', \"'\", '\\'\"']", "['\\n\\t\\\\']", "['é','😀','\\x7f','\\u200b','\\xa0']",
    "[1.0, 1e20, 1e-7, none]", "[zz]", "[range(2)]", "[namespace(a=1)]", "[d.keys()]", "['a'|e]", "['a'|e + '<']", "('<'|e) + '<'",
    "'<' + ('<'|e)", "('<'|e) ~ '<'", "'<'|e|e", "'<'|safe|e", "'<'|escape|forceescape", "('<'|e)|upper", "[('<'|e)]|join('<')",
    "('a'|e)|length", "('<b>'|e)|replace('b','<')", "('%s'|e) % '<'", "('a'|safe).upper()", "(s|safe)[0]", "'a'|safe == 'a'")
r("{% for i in l %}{{ loop.index }}{{ loop.last }}{{ i }};{% endfor %}", "{% for i in [] %}x{% else %}E{% endfor %}",
    "{% for k,v in d.items() %}{{k}}={{v}} {% endfor %}", "{% for k in d %}{{k}}{% endfor %}", "{% for c in 'a😀b' %}[{{c}}]{% endfor %}",
    "{% for i in n %}{% endfor %}", "{% for i in zz %}{% else %}none{% endfor %}", "{% for i in 5 %}{% endfor %}",
    "{% for a,b in [1,2] %}{% endfor %}", "{% for a,b in [(1,2),(3,4)] %}{{a+b}} {% endfor %}",
    "{% for a,(b,c) in [(1,(2,3))] %}{{a}}{{b}}{{c}}{% endfor %}", "{% for a,b in [(1,2,3)] %}{% endfor %}",
    "{% for i in range(6) if i is even %}{{loop.index}}:{{i}},{{loop.length}},{{loop.revindex}} {% endfor %}",
    "{% for i in l %}{% for j in l %}{{loop.index}}{{ loop.depth }}{% endfor %}{{loop.index}}|{% endfor %}",
    "{% for i in l recursive %}{{i}}{% if i is iterable %}{{ loop(i) }}{% endif %}{% endfor %}",
    "{% for i in [1,[2,[3]]] recursive %}{% if i is iterable %}<{{ loop.depth }}{{ loop(i) }}>{% else %}{{i}}{% endif %}{% endfor %}",
    "{% for i in l %}{{ loop(l) }}{% endfor %}", "{% for i in l %}{% if loop.first %}{% continue %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in l %}{% if loop.index == 2 %}{% break %}{% endif %}{{ i }}{% else %}E{% endfor %}", "{% break %}",
    "{% for i in l %}{% set x = i %}{% endfor %}{{ x }}", "{% set x = 0 %}{% for i in l %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}",
    "{% for i in range(3) %}{% if i == 0 %}{% set q = 'a' %}{% endif %}[{{ q }}]{% endfor %}",
    "{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "{% set d.x = 5 %}{{ d.x }}",
    "{% set q.x = 5 %}", "{% set (a, b) = (1, 2) %}{{a}}{{b}}", "{% set a, b = 'xy' %}{{a}}{{b}}", "{% set a, b = [1] %}",
    "{% set x %}hi {{ a }}{% endset %}{{ x }}{{ x|length }}", "{% set x | upper | replace('H','J') %}hi{% endset %}{{ x }}",
    "{% set ns = namespace() %}{% set ns.t %}body{% endset %}{{ ns.t }}", "{% if t %}{% set k = 1 %}{% endif %}{{ k }}",
    "{% if f %}{% set k = 1 %}{% endif %}{{ k is defined }}", "{% if a == 1 %}1{% elif a == 2 %}2{% else %}3{% endif %}",
    "{% if zz %}y{% elif n %}n{% endif %}",
    "{% if l %}y{% endif %}{% if e %}y{% endif %}{% if 0.0 %}y{% endif %}{% if {} %}y{% endif %}{% if 'a' %}z{% endif %}",
    "{% with %}{% set w = 1 %}{{ w }}{% endwith %}{{ w }}", "{% with x = 1, y = x %}{{ y }}{% endwith %}",
    "{% with a = 5 %}{{ a }}{% endwith %}{{ a }}",
    "{% macro m(x, y='d') %}[{{x}}{{y}}]{% endmacro %}{{ m(1) }}{{ m(1,2) }}{{ m(y=3) }}{{ m(x=1,y=2) }}",
    "{% macro m(x) %}{{x}}{% endmacro %}{{ m(1,2) }}", "{% macro m(x) %}{{x}}{% endmacro %}{{ m(q=1) }}",
    "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1,2,a=3) }}", "{% macro m(x=a) %}{{x}}{% endmacro %}{% set a = 9 %}{{ m() }}",
    "{% macro m(x, y=x) %}{{y}}{% endmacro %}{{ m(4) }}", "{% macro m() %}{{ a }}{% set a = 3 %}{{ a }}{% endmacro %}{{ m() }}{{ a }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}x{{ a }}{% endcall %}",
    "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ caller(1, b=2) }}{% endmacro %}{% call(a, b=0) m() %}{{a}}{{b}}{% endcall %}",
    "{% macro m(x) %}{% if x > 0 %}{{ x }}{{ m(x-1) }}{% endif %}{% endmacro %}{{ m(3) }}", "{{ m() }}{% macro m() %}x{% endmacro %}",
    "{% macro m(a,b) %}{% endmacro %}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.catch_varargs }}{{ m.caller }}{{ m }}",
    "{% macro m(x) %}{{ x }}{% endmacro %}{{ l|map('string')|list }}{{ m(l)|upper }}",
    "{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% if t %}{% macro m() %}c{% endmacro %}{% endif %}{{ m() }}", "{% filter upper %}abc{{ s }}{% endfilter %}",
    "{% filter replace('a','b')|upper %}banana{% endfilter %}", "{% filter nope %}x{% endfilter %}", "{{ 1|nope }}",
    "{% if f %}{{ 1|nope }}{% endif %}ok", "{{ 1 is nope }}", "{{ 1 if true else 2|nope }}", "{% raw %}{{ x }}{% endraw %}",
    "a{% raw -%}  x  {%- endraw %}b", "{%- raw %} x {% endraw -%}  b", "{# c #}a{#- c -#}  b  {#- c #}", "  {# c #}\nx",
    "a\n  {% if t %}  \nb\n  {% endif %}\nc", "a\n  {%- if t -%}  \nb\n  {%- endif -%}\nc", "a\n  {%+ if t +%}\nb\n  {% endif +%}\nc",
    "a  {{- 1 -}}  b", "a\n\n{{ 1 }}\n\nb\n", "a\r\nb\r{% if t %}\r\nc{% endif %}", "\n{% if t %}x{% endif %}\n\n", "{{ '\n' }}",
    "{{ 'a\r\nb' }}", "{% set x = 1 -%}\n\n  y", "x {% if t %} y {% endif %} z", "\t{% if t %}a{% endif %}\t\n", "{{", "{{ }}", "{% %}",
    "{{ 1", "{% if %}x{% endif %}", "{% if 1 %}", "{% endif %}", "{% for %}{% endfor %}", "{% foo %}", "{{ 1 + }}", "{{ (1 }}", "{{ 1) }}",
    "{{ [1 }}", "{{ 'a }}", "{{ a b }}", "{{ a. }}", "{{ a.1 }}", "{{ 1 is }}", "{{ 1| }}", "{{ f(a b) }}", "{{ f(a=1, 2) }}", "{{ {1} }}",
    "{{ {1:} }}", "{{ ? }}", "{{ $ }}", "{# x", "{% raw %}x", "{% set %}", "{% set 1 = 2 %}", "{% set true = 2 %}", "{% set x = %}",
    "{% macro %}{% endmacro %}", "{% macro m(a=1,b) %}{% endmacro %}", "{% call 1 %}{% endcall %}", "{% include 'x' %}", "{% extends 'x' %}",
    "{% import 'x' as y %}", "{% do 1 %}", "{{ a is b is c }}", "{{ not }}", "{{ a if }}", "{{ a[ }}", "{{ a[] }}", "{{ 1,2 }}",
    "{{ (1,2)[0] }}", "{{ *l }}", "{{ dict(**d)|length }}", "{{ [*l] }}", "{{ range(*[1,3])|list }}", "{{ d|tojson|length }}",
    "{% for x in l -%}\n {{ x }}\n{%- endfor %}", "{%for x in l%}{{x}}{%endfor%}", "{{a}}{{ a }}{{-a-}}",
    "{{ '}}' }}{{ '%}' }}{% set x = '%}' %}{{ x }}", "{{ {'a':{'b':1}}['a']['b'] }}", "{{ {'a':{}} }}", "{% generation %}x{% endgeneration %}",
    "{% for m in msgs %}{% generation %}{{ m.role }}{% set z = 1 %}{% endgeneration %}{{ z }}{% endfor %}",
    "{% set x = [1,2]|map('string') %}{{ x|list }}{{ x|list }}", "{% set x = l|select('odd') %}{{ x|first }}{{ x|first }}{{ x|length }}",
    "{{ l|map('string')|length }}", "{{ l|map('string')[0] }}",
    "{{ l|map('string')|join }}{{ (l|map('string')) is iterable }}{{ (l|map('string')) is sequence }}",
    "{% for i in l|map('string') %}{{ loop.length }}{{ loop.last }}{{ i }}{% endfor %}",
    "{% for i in l|select('odd') %}{{ loop.revindex }}{% if not loop.last %},{% endif %}{% endfor %}", "{{ loop }}",
    "{% for i in l %}{{ loop }}{% endfor %}", "{% for i in l %}{{ loop|length }}{% endfor %}", "{% for i in l %}{{ loop.nope }}{% endfor %}",
    "{% for i in l %}{{ loop.cycle() }}{% endfor %}", "{% for i in l %}{{ loop.cycle('a','b') }}{% endfor %}",
    "{% for i in l %}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.previtem is defined }}{% endfor %}",
    "{% for i in l %}{{ loop.changed(i > 1) }}{% endfor %}", "{% for i in l %}{% set loop = 5 %}{{ loop }}{% endfor %}",
    "{% for i in l if loop.index %}{% endfor %}", "{% set messages = msgs[1:] %}{{ messages|length }}",
    "{% set x = msgs %}{% for m in x if m.role != 'user' %}{{ m.role }}{% endfor %}", "{{ raise_exception('no') }}", "{{ raise_exception() }}",
    "{{ raise_exception(1) }}", "{% set c = cycler('a','b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}",
    "{% set j = joiner('|') %}{{ j() }}a{{ j() }}b",
    "{% set ns = namespace(l=[]) %}{% for i in l %}{% set ns.l = ns.l + [i*2] %}{% endfor %}{{ ns.l }}", "{{ ''.join(l|map('string')) }}",
    "{{ ','.join(d) }}", "{{ '%s' % d.keys() }}", "{{ d.keys()|sort }}", "{{ d.values()|list|length }}", "{{ d.items()|list|first|first }}",
    "{{ d.items()|sort|map('first')|join }}", "{{ d.keys()[0] }}", "{{ 'x' in d.keys() }}{{ 1 in d.values() }}{{ ('x',1) in d.items() }}",
    "{{ d.items()|length }}", "{{ lines|length }}{{ lines.split('\n')|length }}", "{% set t = s.split(', ') %}{{ t[0] }}-{{ t[-1] }}",
    "{{ s.split(', ')[1].lower().startswith('w') }}", "{{ s|replace('o','0')|replace('l','1',1) }}", "{{ ws.strip()|replace('\n',' ') }}",
    "{{ ws.split()|join(' ') }}", "{{ lines.splitlines()|map('trim')|select|join('/') }}")


SEED = 7
R = random.Random(SEED)
names=["a","b","s","l","d","n","t","u","msgs","items","x","y","k","i","zz","lines"]
def lit():
    return R.choice(["1","0","2.5","'q'","'a\\nb'","''","none","true","[]","[1,2]","{'k':1}","(1,)","-3","'é😀'","10","'  w '"])
FILT=["upper", "lower", "trim", "length", "string", "list", "first", "last", "join(',')", "sort", "reverse", "tojson", "int", "default('D')",
    "e", "title", "replace('a','b')", "map('string')|list", "select|list", "unique|list", "sum", "max", "capitalize", "indent", "items|list",
    "wordcount"]
TEST=["defined","string","none","mapping","iterable","number","odd","sequence","eq 1","in [1,2]","true","boolean","divisibleby 2"]
def expr(d):
    if d<=0 or R.random()<.25: return R.choice([lit(),R.choice(names),R.choice(names)])
    c=R.randrange(15)
    if c==0: return f"{expr(d-1)} {R.choice(['+','-','*','~','//','%','==','!=','<','>=','and','or','in','not in'])} {expr(d-1)}"
    if c==1: return f"({expr(d-1)})"
    if c==2: return f"{expr(d-1)}|{R.choice(FILT)}"
    if c==3: return f"{R.choice(names)} is {R.choice(['','not '])}{R.choice(TEST)}"
    if c==4: return f"{expr(d-1)} if {expr(d-1)} else {expr(d-1)}"
    if c==5: return f"{R.choice(names)}[{R.choice(['0','-1','1:','::-1',':2',repr('k'),repr('role')])}]"
    if c==6: return f"{R.choice(names)}.{R.choice(['x','k','role','upper()','items()','content','get(1)','strip()','index','first','split()'])}"
    if c==7: return f"not {expr(d-1)}"
    if c==8: return f"[{expr(d-1)}, {expr(d-1)}]"
    if c==9: return "{"+f"'k': {expr(d-1)}"+"}"
    if c==10: return f"range({R.randrange(5)})"
    if c==11: return f"loop.{R.choice(['index','index0','first','last','length','revindex','previtem','nextitem','depth'])}"
    if c==12: return f"m{R.randrange(2)}({expr(d-1)})"
    if c==13: return f"ns.{R.choice('pq')}"
    return f"{expr(d-1)}|{R.choice(FILT)}"
def txt(): return R.choice([""," ","\n","  \n","\n  ","a","b ","\n\n","x\ny"," \t","<b>","{ ","}","%","# "])
def o(): return R.choice(["{%","{%-","{%","{%+"])
def c(): return R.choice(["%}","-%}","%}","+%}"])
def vo(): return R.choice(["{{","{{-"])
def vc(): return R.choice(["}}","-}}"])
def B(s): return f"{o()} {s} {c()}"
def body(d,loop): return "".join(stmt(d-1,loop)+txt() for _ in range(R.randrange(1,4)))
def stmt(d,loop):
    k=R.randrange(16)
    if d<=0 or k<5: return R.choice([f"{vo()} {expr(2)} {vc()}",txt(),txt()])
    if k==5: return B(f"if {expr(2)}")+txt()+body(d,loop)+(B(f"elif {expr(1)}")+body(d,loop) if R.random()<.3 else "")+(B("else")+body(d,loop) if R.random()<.4 else "")+B("endif")
    if k in(6,7,8):
        tgt=R.choice(["i","x","k, y","y"]); it=R.choice(["l","range(3)","msgs","d.items()","items","'ab'","[1,2,3]","zz","[]",expr(1)])
        f=R.choice([""]*4+[f" if {expr(1)}"])
        return B(f"for {tgt} in {it}{f}")+txt()+body(d,True)+(B("else")+body(d,loop) if R.random()<.2 else "")+B("endfor")
    if k==9: return B(f"set {R.choice(['x','y','k','a','ns.p','ns.q','x, y'])} = {expr(2)}")
    if k==10: return B(f"set {R.choice(['x','y','ns.p'])}{R.choice(['','|upper','|trim'])}")+body(d,loop)+B("endset")
    if k==11: return B(f"with x = {expr(1)}")+body(d,loop)+B("endwith")
    if k==12: return B(f"macro m{R.randrange(2)}(x{R.choice(['','=5'])})")+body(d-1,False)+B("endmacro")
    if k==13: return B(f"filter {R.choice(['upper','trim','replace(1,2)','indent(1)'])}")+body(d,False)+B("endfilter")
    if k==14: return R.choice(["{# c #}", "{#- c -#}", "{# c\n #}\n",
        "  {# x #}\n"]) if R.random()<.5 or not loop else B("if "+expr(1))+B(R.choice(["break", "continue"]))+B("endif")
    return R.choice([B("raw")+"{{ x }}"+txt()+B("endraw"), B("generation")+body(d,False)+B("endgeneration")])

def random_templates(count):
    for _ in range(count):
        start = R.choice(["{% set ns = namespace(p=1,q=2) %}{% macro m0(x) %}[{{x}}]{% endmacro %}{% macro m1(x) %}{{x}}{% endmacro %}",
                          "{% set ns = namespace(p=1,q='z') %}"])
        yield start + txt() + body(4, False) + txt()


def main():
    cases = []
    for template in R.sample(X, 2500) + list(random_templates(2500)):
        case = {"template": template, **render(template)}
        if not EXCLUDED.search(template) and not EXCLUDED.search(case.get("expected", "")):
            cases.append(case)
    origin = f"jinja2 {jinja2.__version__}, tools/goldens/chat_language.py, seed {SEED}"
    with open("test/goldens/chat_templates/language.json", "w", encoding="utf-8") as file:
        lines = ",\n".join(json.dumps(case) for case in cases)
        file.write('{"origin": %s,\n"variables": %s,\n"cases": [\n%s\n]}\n' % (json.dumps(origin), json.dumps(VARS), lines))
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
