"""Which files hold secrets, told by their names alone: they are never committed by us while git does not track them.

What a secret looks like inside a file is the business of the redact room.
"""

import re

_EXAMPLES = (".example", ".sample", ".template", ".dist")
"""`.env.example` and its like are written to be committed."""

_NAMES = re.compile(
    r"""
      \.env (\..*|rc|[-_].*)? | .+\.env            # dotenv, direnv
    | .*\.(pem|key|p12|pfx|p8|jks|keystore|kdbx|ppk|ovpn)
    | (id|ssh_host)_(rsa|dsa|ecdsa|ed25519)(_sk)?(_key)? (?!\.pub$)(\..*)?
    | [._]netrc | \.pgpass | \.my\.cnf | \.pypirc | \.htpasswd | \.git-credentials | \.dockercfg | \.vault[-_]pass.*
    | credentials(\.json)? | client_secret.*\.json | service[-_]account.*\.json | secrets?\.(ya?ml|json|toml|env|txt)
    | .+\.tfstate(\.backup)? | kubeconfig
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def is_secret(path: str) -> bool:
    """Whether the name of a file says that it holds secrets: `.env*`, private keys, key stores, credentials."""
    name = path.rpartition("/")[2]
    return _NAMES.fullmatch(name) is not None and not name.lower().endswith(_EXAMPLES)
