"""What `update_redaction_rules.py` leaves out, keeps and narrows of the rules it takes over, and why."""

LEFT_OUT = {
    "adobe-client-id": "an identifier",
    "algolia-application-id": "an identifier",
    "asana-client-id": "an identifier of digits",
    "bitbucket-client-id": "an identifier",
    "curl-auth-header": "backtracks without bound; our rule for Authorization covers it",
    "curl-auth-user": "backtracks without bound; our rule for curl covers it",
    "discord-client-id": "an identifier of digits",
    "facebook-access-token": "no literal to look for: digits and a bar",
    "flutterwave-public-key": "public",
    "gcp-application-default-credentials": "a whole JSON object; our rules cover its secrets",
    "gcp-service-account": "a whole JSON object; our rule for private keys covers it",
    "generic-credential-uri": "takes the whole address; our rule for addresses takes the password",
    "gitlab-incoming-mail-address-token": "backtracks in three nested runs",
    "hashicorp-tf-password": "takes the quotes with it; our rule for assignments covers it",
    "jwt": "misses short ones; our rule covers it",
    "kubernetes-secret-yaml": "backtracks without bound, and any base64 after `data:`",
    "linkedin-client-id": "an identifier",
    "lob-pub-api-key": "public",
    "looker-client-id": "an identifier",
    "mailgun-pub-key": "public",
    "messagebird-client-id": "an identifier",
    "mongodb-connection-string": "takes the whole address; our rule for addresses takes the password",
    "new-relic-user-api-id": "an identifier",
    "plaid-client-id": "an identifier",
    "private-key": "needs the end of the block; our rule covers it",
    "bitbucketcredentials": "takes the whole address; our rule for addresses takes the password",
    "codecatalystcredentials": "takes the whole address; our rule for addresses takes the password",
    "codecommitcredentials": "takes the whole address; our rule for addresses takes the password",
    "sendbird-access-id": "an identifier",
    "sidekiq-sensitive-url": "our rule for addresses covers it",
    "sumologic-access-id": "an identifier",
    "slack-session-cookie": "backtracks over long runs; our rule for Slack covers it",
    "zai-api-key": "no literal to look for: hexadecimal digits, a dot, a word",
}
"""Rules that are visible upstream and that we do without, each with its reason."""

KEPT = {
    "alibaba-access-key-id",
    "alibaba-sts-access-key-id",
    "alibaba-sts-security-token",
    "aws-secret-access-key",
    "exoscale-api-secret",
    "polymarket-api-secret",
    "polymarket-passphrase",
}
"""Rules hidden upstream, which are secrets all the same; the other hidden ones are identifiers and addresses."""

NARROWED = {
    # `secret: ...` and `key: ...` are too wide without the entropy filter; assignments have a rule of ours.
    "alibaba-secret-key": ("alibaba|aliyun|secret|key", "alibaba|aliyun"),
    "alibaba-sts-access-key-secret": ("alibaba|aliyun|secret|key", "alibaba|aliyun"),
    # Five optional words before `key` and any text after it cost much and find nothing more.
    "azure-storage-account-key": (
        r"\b(?:AccountKey|(?:azure[_\s.-]*)?(?:storage[_\s.-]*)?(?:account[_\s.-]*)?(?:access[_\s.-]*)?key)\b(?s:.{0,24}?)",
        "key[^A-Za-z0-9+/]{0,24}",
    ),
    # `s.` and any word of 24 letters.
    "vault-service-token": (r"(?:hvs\.[\w-]{90,120}|s\.(?i:[a-z0-9]{24}))", r"hvs\.[\w-]{24,256}"),
    # Runs of A are common in base64 of pictures; Square's tokens have this length.
    "square-access-token": (r"(?:EAAA|sq0atp-)[\w-]{22,60}", r"EAAA[\w-]{60}|sq0(?:atp|csp)-[\w-]{22,60}"),
    # The word `key` before a commit hash says nothing.
    "aws-secret-access-key": ("([A-Za-z0-9/+=]{40})", "((?![0-9a-f]{40})[A-Za-z0-9/+=]{40})"),
    # 0, 1, 8 and 9 do not occur in real ones, but do in examples.
    "aws-access-token": ("[A-Z2-7]{16}", "[A-Z0-9]{16}"),
    "age-secret-key": ("[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", "[0-9A-Z]{40,58}"),
    "pypi-upload-token": (r"AgEIcHlwaS5vcmc[\w-]{50,1000}", r"Ag[\w-]{32,1000}"),
}
"""Changes of a rule's text."""
