"""Secrets that were never real, put together here so that scanners of this repository find none."""

import base64
import string

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def run(alphabet: str, length: int) -> str:
    """Letters that look random and are the same every time."""
    return "".join(alphabet[(index * 7 + index * index * 3) % len(alphabet)] for index in range(length))


def pem(kind: str, lines: int = 12) -> str:
    body = "\n".join(run(LETTERS + "+/", 64) for _ in range(lines))
    return f"-----BEGIN {kind}-----\n{body}\n{run(LETTERS, 22)}==\n-----END {kind}-----"


def jwt() -> str:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    return ".".join((part('{"alg":"HS256","typ":"JWT"}'), part('{"sub":"1234567890"}'), run(LETTERS, 43)))


TOKENS = {
    "aws key id": "AKIA" + "Q3EGTS2PLFX7RWZC",
    "aws key id, example": "AKIA" + "IOSFODNN7" + "EXAMPLE",
    "aws key id, digits": "AKIA" + "1234567890ABCDEF",
    "github personal": "ghp" + "_" + run(LETTERS, 36),
    "github personal, weak": "ghp" + "_" + "a" * 36,
    "github oauth": "gho" + "_" + run(LETTERS, 36),
    "github app": "ghs" + "_" + run(LETTERS, 36),
    "github user": "ghu" + "_" + run(LETTERS, 36),
    "github refresh": "ghr" + "_" + run(LETTERS, 36),
    "github fine-grained": "github" + "_pat_" + run(LETTERS, 22) + "_" + run(LETTERS, 59),
    "gitlab": "glpat" + "-" + run(LETTERS, 20),
    "gitlab, weak": "glpat" + "-" + "x" * 20,
    "openai project": "sk" + "-proj-" + run(LETTERS + "_-", 120),
    "openai, short": "sk" + "-proj-" + run(LETTERS, 32),
    "openai, old": "sk" + "-" + run(LETTERS, 48),
    "anthropic": "sk" + "-ant-api03-" + run(LETTERS + "_-", 93) + "AA",
    "anthropic, short": "sk" + "-ant-api03-" + run(LETTERS, 40),
    "openrouter": "sk" + "-or-v1-" + run(HEX, 64),
    "google": "AIza" + run(LETTERS + "_-", 34) + "Q",
    "google oauth": "ya29" + "." + run(LETTERS, 60),
    "google client": "GOCSPX" + "-" + run(LETTERS, 28),
    "slack bot": "xoxb" + "-" + "123456789012-1234567890123-" + run(LETTERS, 24),
    "slack user": "xoxp" + "-" + "123456789012-123456789012-123456789012-" + run(HEX, 32),
    "slack app": "xapp" + "-1-A0123456789-1234567890123-" + run(HEX, 64),
    "slack webhook": "https://hooks." + "slack.com/services/" + "T01234567/B01234567/" + run(LETTERS, 24),
    "stripe": "sk" + "_live_" + run(LETTERS, 24),
    "stripe test": "sk" + "_test_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "stripe restricted": "rk" + "_live_" + run(LETTERS, 24),
    "npm": "npm" + "_" + run(LETTERS, 36),
    "pypi": "pypi" + "-AgEIcHlwaS5vcmc" + run(LETTERS + "_-", 120) + "A",
    "sendgrid": "SG" + "." + run(LETTERS, 22) + "." + run(LETTERS, 43),
    "twilio": "SK" + run(HEX, 32),
    "azure devops": run(LETTERS, 76) + "AZDO" + run(LETTERS, 4),
    "azure client secret": "abc8Q~" + run(LETTERS, 34),
    "jwt": jwt(),
    "huggingface": "hf" + "_" + run(string.ascii_letters, 34),
    "digitalocean": "dop" + "_v1_" + run(HEX, 64),
    "telegram": "123456789" + ":AA" + run(LETTERS, 33),
    "discord": "MTk4NjIyNDgzNDcx" + "OTI1MjQ4" + ".Cl2FMQ." + "ZnCjm1XVW7vRze4b7Cq4se7kKWs",
    "age": "AGE-SECRET" + "-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE"[:58],
    "amp": "sgamp" + "_" + run(LETTERS, 64),
    "amp user": "sgamp" + "_user_" + run(LETTERS, 40),
    "sourcegraph": "sgp" + "_" + run(HEX, 40),
    "sourcegraph, new": "sgp" + "_" + run(HEX, 16) + "_" + run(HEX, 40),
    "vault": "hvs" + "." + run(LETTERS, 95),
    "databricks": "dapi" + run(HEX, 32),
    "docker": "dckr" + "_pat_" + run(LETTERS, 27),
    "linear": "lin" + "_api_" + run(LETTERS, 40),
    "shopify": "shpat" + "_" + run(HEX, 32),
    "1password": "ops" + "_eyJ" + run(LETTERS, 260),
    "groq": "gsk" + "_" + run(LETTERS, 52),
    "replicate": "r8" + "_" + run(LETTERS, 37),
    "mailgun": "key" + "-" + run(HEX, 32),
    "mailchimp": run(HEX, 32) + "-us" + "12",
    "new relic": "NRAK" + "-" + run(string.ascii_uppercase + string.digits, 27),
    "contentful": "CFPAT" + "-" + run(LETTERS, 43),
    "typeform": "tfp" + "_" + run(LETTERS, 59),
    "netlify": "nfp" + "_" + run(LETTERS, 36),
    "notion, old": "secret" + "_" + run(LETTERS, 43),
    "notion": "ntn" + "_" + run(string.digits, 11) + run(LETTERS, 35),
    "yandex": "AQVN" + run(LETTERS, 36),
    "crates.io": "cio" + run(LETTERS, 32),
    "telnyx": "KEY" + "01" + run("0123456789ABCDEF", 30) + "_" + run(LETTERS, 22),
    "sentry, short": "sntrys" + "_" + run(LETTERS, 60) + "_" + run(LETTERS, 43),
    "tailscale": "tskey" + "-auth-" + run(LETTERS, 17) + "-" + run(LETTERS, 32),
    "grafana": "glsa" + "_" + run(LETTERS, 32) + "_" + run(HEX, 8),
}
"""Tokens with a shape of their own, strong and weak-looking."""

GIVEN = {
    "aws secret": ("aws_secret_access_key = ", "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"),
    "aws session": ("AWS_SESSION_TOKEN=", run(LETTERS + "/+", 200)),
    "azure storage": ("AccountName=a;AccountKey=", run(LETTERS + "+/", 86) + "=="),
    "azure sas": ("https://a.blob.core.windows.net/c?sv=2024&sig=", run(LETTERS, 43) + "%3D"),
    "address": ("postgres://admin:", "hunter2"),
    "address, signs": ("https://u:", "p@ss%20w0rd!"),
    "address, token only": ("https://", run(LETTERS, 40)),
    "bearer": ("Authorization: Bearer ", run(LETTERS, 30)),
    "bearer, bare": ("-H 'x' Bearer ", run(LETTERS, 30)),
    "okta": ("Authorization: SSWS ", "00" + run(LETTERS, 40)),
    "basic": ("Authorization: Basic ", "dXNlcjpwYXNzd29yZA=="),
    "curl": ("curl -s -u someone:", "s3cr3tw0rd"),
    "login": ("https://ampcode.com/auth/cli-login?authToken=", run(HEX, 64)),
    "export": ("export FOO_TOKEN=", "correct-horse-battery"),
    "export, quoted": ('DB_PASSWORD="', "tr0ub4dor&3"),
    "json": ('"password": "', "p4ssw0rd!"),
    "python": ("api_key = '", run(LETTERS, 20)),
    "header": ("X-Api-Key: ", run(LETTERS, 32)),
    "query": ("https://x.org/?access_token=", run(LETTERS, 32)),
    "provider": ("DATADOG_API_KEY=", run(HEX, 32)),
    "provider, json": ('"heroku_api_key": "', "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"),
    "flag": ("--password ", "s3cr3tw0rd"),
    "xml": ("<password>", "letmein99"),
}
"""Values that are secrets because of what stands before them."""
