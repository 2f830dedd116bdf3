"""Strings that a model or a program may have written, to harm whoever reads a report."""

HOSTILE = {
    "a script": "</script><script>window.hurt = 1</script>",
    "a data block's end": "</SCRIPT ><img src=x onerror='window.hurt = 1'>",
    "a comment": "<!--<script>",
    "an attribute": '" onmouseover="window.hurt = 1" x=\'',
    "an image": "<img src=x onerror=window.hurt=1>",
    "a link": "[x](javascript:alert(1)) <a href='javascript:window.hurt=1'>y</a>",
    "an entity": "&lt;img src=x&gt; &#60;b&#62; &amp;",
    "markdown": "| a | b |\n|---|---|\n# head ``` **bold** <details> @everyone ![i](http://127.0.0.1/x)",
    "a workflow command": "::error file=a.py::x\n  ::add-mask::y\n##[group]z\n##vso[task.setvariable v=a]b",
    "an escape sequence": "\x1b]0;title\x07\x1b[2J\x1b[31mred\x9b1m",
    "control characters": "\x00\x01\x08\x0b\x0c\x0e\x1f\x7f\x85\ufffe\uffff",
    "the other direction": "\u202egnp.exe\u2066",
    "line separators": "a\u2028b\u2029c\r\nd\re",
    "a closing cdata": "]]> <![CDATA[ <?xml?> <!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]> &e;",
    "a template": "${alert(1)} {{constructor.constructor('x')()}} `+window.hurt+`",
    "a prototype": "__proto__",
    "a long line": "x" * 50_000,
}
