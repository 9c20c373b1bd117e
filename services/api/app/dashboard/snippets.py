"""A question as a program would ask it: curl, Python and JavaScript, ready to be copied. Pure text; quoted so that it stays one value."""

from typing import Any

import msgspec


def snippets(url: str, body: dict[str, Any], keyed: bool) -> dict[str, str]:
    """By language; `keyed` = callers of the service need a key."""
    text = msgspec.json.format(msgspec.json.encode(body), indent=2).decode()
    return {"curl": _curl(url, text, keyed), "Python": _python(url, text, keyed), "JavaScript": _javascript(url, text, keyed)}


def _curl(url: str, text: str, keyed: bool) -> str:
    quoted = text.replace("'", "'\\''")
    key = ' \\\n  -H "authorization: Bearer $LLM_ROUTER_KEY"' if keyed else ""
    return f"curl {url}/query -H 'content-type: application/json'{key} \\\n  -d '{quoted}'"


def _python(url: str, text: str, keyed: bool) -> str:
    # JSON within a string of Python's: whatever the text holds, it ends where it should
    literal = repr(text) if "'''" in text or "\\" in text else f"'''{text}'''"
    key = '\n    "authorization": "Bearer " + os.environ["LLM_ROUTER_KEY"],' if keyed else ""
    return (
        f"import json\n{'import os' + chr(10) if keyed else ''}import urllib.request\n\n"
        f"body = {literal}\n"
        f'headers = {{\n    "content-type": "application/json",{key}\n}}\n'
        f'request = urllib.request.Request("{url}/query", body.encode(), headers)\n'
        'print(json.load(urllib.request.urlopen(request))["response"])'
    )


def _javascript(url: str, text: str, keyed: bool) -> str:
    # JSON is JavaScript, but for two line ends that older engines refuse in a string
    literal = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    key = ", authorization: `Bearer ${process.env.LLM_ROUTER_KEY}`" if keyed else ""
    return (
        f"const body = {literal};\n"
        f'const answer = await fetch("{url}/query", {{\n'
        '  method: "POST",\n'
        f'  headers: {{ "content-type": "application/json"{key} }},\n'
        "  body: JSON.stringify(body),\n"
        "});\n"
        "console.log((await answer.json()).response);"
    )
