"""Secrets that what stands before them betrays: commands, configuration, cookies, files of passwords; and near misses.

Each line also within a stream's JSON, behind a tab, in colour, in JSON in JSON, in a diff and with DOS line ends.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ampsm_engine.redact import Redactor
from tests.redact.samples import GIVEN, TOKENS

plain = Redactor({})

SECRET_LINES = r"""
password = "«correct-horse-battery-staple»"
DB_PASSWORD=«hunter2»
mysql -u root -p«hunter2»
mysqldump -h db -uroot -p'«s3cret»' shop > x.sql
sshpass -p «hunter2» ssh me@host
sshpass -p«hunter2» ssh me@host
docker login -u me -p «hunter2» ghcr.io
docker login --password «hunter2» ghcr.io
docker login --password=«hunter2» ghcr.io
helm registry login -u me -p «hunter2» ghcr.io
redis-cli -h x -a «hunter2» ping
redis-cli --pass «hunter2» ping
mongosh -u root -p «hunter2» --host x
mongodump --username root --password=«hunter2»
mysqladmin --password=«swordfish» ping
PGPASSWORD=«hunter2» psql -h x
PGPASSWORD="«hunter2»" psql -h x
MYSQL_PWD=«hunter2» mysql
psql postgresql://me:«hunter2»@host/db
curl -u me:«hunter2» https://x
curl -sSLu me:«hunter2» https://x
curl --proxy-user me:«hunter2» https://x
curl --user "me:«hunter2»" https://x
wget --http-password=«hunter2» https://x
wget --user me --password «hunter2» https://x
openssl enc -aes-256-cbc -in a -pass pass:«hunter2»
openssl rsa -in k -passin pass:«hunter2»
ansible-playbook x.yml -e "ansible_ssh_pass=«hunter2»"
ansible-playbook x.yml -e ansible_become_password=«hunter2»
smbclient //h/s -U me%«hunter2»
ldapsearch -x -D cn=a -w «hunter2» -b dc=x
htpasswd -bc .htpasswd me «hunter2»
sqlcmd -S h -U sa -P «hunter2»
keytool -genkey -storepass «hunter2» -keypass «hunter2»
echo "me:«hunter2»" | chpasswd
http -a me:«hunter2» GET x
lftp -u me,«hunter2» ftp://x
az login --service-principal -u x -p «hunter2» --tenant y
7z a -p«hunter2» x.7z .
zip -P «hunter2» x.zip .
zip -rP «hunter2» x.zip .
ssh-keygen -t rsa -N "«hunter2»" -f k
otpauth://totp/Ex:me@x?secret=«JBSWY3DPEHPK3PXP»&issuer=Ex
machine api.x.com login me password «hunter2»
default login me password «hunter2»
    client-key-data: «LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFb3dJQkFBS0NBUUVB»
"auth": "«bWU6aHVudGVyMg==»"
_auth=«bWU6aHVudGVyMg==»
//registry.npmjs.org/:_authToken=«abcdef0123456789abcdef»
SECRET_KEY = 'django-insecure-«abc(d$ef#g1h2i3j4k5l6m7n8o9p0qrstuvwx»'
SECRET_KEY = '«w)y7(abc$def#gh1i2j3k4l5m6n7o8p9q0rstuv&x*z!»'
1//«0gAbCdEfGhIjKlMnOpQrStUvWxYz0123456789»
Set-Cookie: sessionid=«38afes7a8abcdef»; HttpOnly; Path=/
Cookie: theme=dark; session=«eyabc123def456»; lang=en
{"Cookie": "sid=«s3abcdef0123456789»"}
Set-Cookie: JSESSIONID=«8D9A7BCC1D2E3F»; Path=/app
me:«$apr1$8sFt66rZ$vKtjv5B4yZ4p2yvYwU6xP0»
me:«$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy»
me:«{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=»
root:«$6$abcdefgh$0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ./0123456789abcdefghijkl»:19000:0
localhost:5432:shop:me:«hunter2»
*:*:*:me:«hunter2»
db.example.org:5432:*:me:«hunter2»
"client_secret": "«abcdefghijklmnopqrstuv»"
"client_secret": "«q8xYabcdEFGHijklmnop»"
https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=«0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef»
https://storage.googleapis.com/b/o?X-Goog-Signature=«0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef»
https://d.cloudfront.net/x?Expires=1&Signature=«abcDEF0123456789abcDEF0123456789~~»&Key-Pair-Id=K1
https://a.blob.core.windows.net/c?sv=2024&sr=b&sig=«abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG%3D»
password=«hunter2»
password = «hunter2»
password: «hunter2»
spring.datasource.password=«hunter2»
  password: «tr0ub4dor»
db_pass=«hunter2»
DB_PASS=«hunter2»
export SMTP_PASSWORD=«swordfish»
define('DB_PASSWORD', '«hunter2»');
define( 'AUTH_KEY', '«put your unique phrase Z1#here |x,y;z»' );
<property name="javax.persistence.jdbc.password" value="«hunter2»"/>
<add key="Password" value="«hunter2»" />
<connection password="«hunter22»"/>
Server=db;User Id=sa;Password=«hunter2»;Encrypt=True
jdbc:mysql://h/db?user=me&password=«hunter2»
jdbc:oracle:thin:scott/«tiger1»@host:1521:x
sqlplus scott/«tiger1»@host
kubectl create secret generic x --from-literal=password=«hunter2»
vault login «abcdefghij»
$config['password'] = '«hunter22»';
"password": "«hunter2»"
'password' => '«hunter2»',
password="«hunter2»"
Password: «hunter2»
snowflake_password: «Sn0wfl4ke!»
ENV DB_PASSWORD «hunter2»
      POSTGRES_PASSWORD: «hunter2»
docker run -e MYSQL_ROOT_PASSWORD=«hunter2» mysql
CREATE USER x IDENTIFIED BY '«hunter2»';
ALTER USER x PASSWORD '«hunter2»';
CREATE USER x WITH PASSWORD '«hunter2»';
requirepass «hunter2»
X-Vault-Token: «s.hunter2abcdef»
PRIVATE-TOKEN: «hunter2abcdef»
curl -b session=«hunter2abcdef0123456» https://x
curl --cookie "sid=«hunter2abcdef0123456»" https://x
curl --oauth2-bearer «hunter2abcdef» https://x
curl -d password=«hunter2» https://x
echo «hunter2» | sudo -S ls
echo «hunter2» | docker login --password-stdin -u me
user: {password: «hunter2», name: x}
dsn = "user:«hunter2»@tcp(localhost:3306)/db"
npm config set //registry.npmjs.org/:_authToken «hunter2-abcdef-0123»
/usr/bin/mysql -p«hunter2»
sudo docker exec -it db mysql -uroot -p«hunter2» shop
psql "host=x user=y password=«hunter2»"
os.environ["DB_PASSWORD"] = "«hunter2»"
terraform apply -var="db_password=«hunter2»"
helm upgrade x --set auth.password=«hunter2»
Data Source=x;User ID=sa;Pwd=«hunter2»;
pass=«hunter2»
  pw: «hunter2»
passwort=«hunter2»
contraseña: «hunter2»
psk="«hunter2abc»"
npmAuthToken: «hunter2abc»
npmAuthIdent: «me:hunter2abc»
//registry.npmjs.org/:_auth=«E6PwZPf1Qh6yYTWmE4lBYOvfZ8UzDzV8fUkkibjL»
APP_KEY=«base64:mbI1DCF0SmZtzapyFP1JM+0YkeTjzFeas8paSJ3PM90=»
PresharedKey = «+Xf/OWDUjYrG7ZySFX9cshm87hz3aE+8JA1ggzbQxOg=»
{"kty":"RSA","d":"«5dVD1YZRLkBy0OY83GtV9LIP8Ohe9YYZqW12opmLDJp4FK67R4TdzQ»"}
mnemonic: «abandon ability able about above absent absorb abstract absurd abuse access accident»
connection.setPassword("«hunter2»");
let accessToken: String = "«hunter2pw»"
const PASSWORD: &'static str = "«hunter2pw»";
password: str = '«hunter2pw»'
#define DB_PASSWORD "«hunter2»"
- name: DB_PASSWORD⏎  value: «swordfish»
{"name":"DB_PASSWORD","value":"«swordfish»"}
{ name = "API_TOKEN", value = "«hunter2pw»" }
set -gx DB_PASSWORD «hunter2»
setenv DB_PASSWORD «hunter2»
setx DB_PASSWORD "«hunter2»"
net use Z: \\server\share «hunter2» /user:bob
net user bob «hunter2» /add
ConvertTo-SecureString '«hunter2»' -AsPlainText -Force
echo «hunter2» | passwd --stdin bob
snmpwalk -v2c -c «hunter2» host
rocommunity «hunter2»
ngrok config add-authtoken «FBFUktMLOfjSokiCOzfc2CEm»
mc alias set minio http://localhost:9000 admin «hunter2»
AUTH=«hunter2pw»
export PROXY_AUTH="«hunter2pw»"
SIM_PIN=«482913»
"private_key_id": "«3fdd9e4a62bce19a285ed7361c5c8a4b57bc9fa6»"
send "«hunter2»\r"
send -- "«hunter2»\r"
user bob⏎pass «hunter2pw»
https://x/y?access_token=«hunter2pw»&z=1
https://x/y?a=1&api_key=«hunter2pw»
https://maps.example.com/y?key=«a7UJVZkFoRURVsZnI1kjX6TnHgDgmYf8»
"""
"""One line a way to give a secret, which stands between the marks; a line's end within one is an arrow."""

HARMLESS_LINES = r"""
password: string
password: str
password: str = None
password: Optional[str]
password = None
password=password
password = getpass.getpass()
password = os.environ["DB_PASSWORD"]
password: ${DB_PASSWORD}
DB_PASSWORD=$DB_PASSWORD
DB_PASSWORD=${DB_PASSWORD:-}
DB_PASSWORD=<your-password>
DB_PASSWORD=changeme
DB_PASSWORD=xxxxxx
password = "changeme"
password = "your-password-here"
"password": "Enter your password"
"password": "Password"
password = "password-input-field"
secret: my-app-tls-secret
secretName: my-app-tls
mysql -u root -p shop
mysql -u root -p
mysqldump --help
the mysql client -port option
mysql -P 3306 -h db
docker run -p 8080:80 nginx
docker ps -p
helm install -p x
use the --password option to set it
--password PASSWORD  the password to use
--password=PASSWORD
--password-file=/run/secrets/x
--token TOKEN
--token-file x
redis-cli -a "$REDIS_PASSWORD"
curl -u "$USER:$PASS" https://x
curl -u user https://x
curl -o out:put https://x
openssl rsa -passin env:PASS
openssl rsa -passin file:x
machine learning with a login form and password field
the machine has a login and password prompt
"auth": "basic"
"auth": "YWJjZGVm"
"auth": true
Set-Cookie: theme=dark; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT
Cookie: lang=en; theme=dark
cookie = request.cookies.get("session")
cookie=value; other=x
otpauth://totp/x?issuer=y
the 1//0 case
x = 1//0
SECRET_KEY = os.environ["SECRET_KEY"]
SECRET_KEY = config("SECRET_KEY")
secret_key: "your-secret-key-goes-here"
define('DB_NAME', 'wordpress');
define('DB_PASSWORD', '');
define('DB_PASSWORD', getenv('X'));
<input type="password" name="password" value="" />
<input name="password" id="password" class="form-control"/>
signature=inspect.signature(function)
(self, signature=None)
?signature=short
file.py:5432:12: error: bad thing
pass=12 fail=3
bypass=1 compass=north
PWD=/home/me/x
OLDPWD=/home/me
password_hash = hash_password(password)
token = token2
password2 = data["password"]
secret = secrets.token_hex(16)
tokens: 12345
client-certificate-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSURhekNDQWxPZ0F3SUJBZ0lV
const password = process.env.PASSWORD;
if password == user.password:
password=self.password
self.password = password1
assert password == "hunter"
  password: [REDACTED]
password: "{{ vault_password }}"
password: !vault |
commit 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c
+    password: str = field(default="")
type: password
Password: ********
The password: it is hidden
Error: invalid password: try again
fix: reset password: handle 404
password: required
git commit -m "add password: use bcrypt2"
ab -A x
the user is identified by 'email'
asks with password 'example'
ENV PATH /usr/bin:/bin
ENV NODE_ENV production
X-Api-Key: $API_KEY
curl -b cookies.txt https://x
echo done | sudo -n tee x
echo $PASSWORD | docker login --password-stdin
{password: string, name: string}
{ password: user.password, token }
requirepass <password>
https://x/y?key=the-name-of-an-article-in-a-blog
https://x/y?token=none&code=en
AUTH=oauth2
HASH_AUTH=md5
AUTH=scram-sha-256
PIN=17
LED_PIN=3
SPIN=4096
send "exit\r"
send "yes2 go\r"
the tests⏎pass on3 machines
value = token.value
- name: TOKEN_FILE⏎  value: /run/secrets/token
token: str = ""
password: Optional = None
PWD=/home/me/shop
compass: north
conn.setPassword(password)
mnemonic: the name of a command
net user bob /delete
set -e
user@tcp(localhost:3306)/db
"""
"""What looks like one of them, and gives no secret."""


def shapes(line: str) -> Iterator[str]:
    line = line.replace("⏎", "\n")
    yield line
    yield f"first line\n{line}\nlast line"
    yield f"+{line}\n context"
    yield json.dumps(f"first\n{line}\nlast")
    yield json.dumps(f"\t{line}\n")
    yield json.dumps(f"first\r\n{line}\r\nlast")
    yield json.dumps(f"a\n\x1b[32m{line}\x1b[0m\nlast")
    yield json.dumps(json.dumps({"output": f"x\n{line}\nlast"}))


def test_a_secret_is_known_by_what_stands_before_it() -> None:
    for line in SECRET_LINES.strip("\n").split("\n"):
        secrets = re.findall("«(.*?)»", line)
        assert secrets, line
        for text in shapes(line.replace("«", "").replace("»", "")):
            clean = plain.text(text)
            assert not [secret for secret in secrets if secret in clean or json.dumps(secret)[1:-1] in clean], text
            assert plain.text(clean) == clean
            assert "[redacted:" in clean
            if _is_json(text):
                json.loads(clean)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def test_what_only_looks_like_it_stays() -> None:
    for line in HARMLESS_LINES.strip("\n").split("\n"):
        for text in shapes(line):
            assert plain.text(text) == text


BEFORE = (
    *("\\n", "\\t", "\\r\\n", "\\\\n", "\\\\t", "\\\\\\\\n", "\\u001b[31m", "\\\\u001b[1;32m", "\\u001b[K"),
    *("\x1b[0m", "\x1b[K", "\x1b[2K", "\\x1b[0m", "\\033[31m", "\\x1b", "\\033", "\\u000a", "%0A", "\n", "\t"),
)
"""What may stand right before a secret's beginning without a blank: line ends, tabs and colours, escaped or not."""


@pytest.mark.parametrize("before", BEFORE)
def test_a_secret_begins_behind_every_escape(before: str) -> None:
    for secret in TOKENS.values():
        assert secret not in plain.text(f"ends{before}{secret} and"), secret
    for opening, secret in GIVEN.values():
        closing = "@host/x" if opening in ("postgres://admin:", "https://u:", "https://") else ""
        closing = closing or {"<password>": "</password>"}.get(opening, opening[-1] if opening[-1] in "\"'" else "")
        assert secret not in plain.text(f"ends{before}{opening}{secret}{closing} and"), opening


def test_a_command_over_several_lines_is_one() -> None:
    command = "curl -sS \\\n  -H 'Accept: x' \\\n  -u me:hunter2 \\\n  https://example.org"
    for text in (command, json.dumps(command), json.dumps(json.dumps(command))):
        assert "hunter2" not in plain.text(text)
    assert plain.text("mysql status\nfind . -print0") == "mysql status\nfind . -print0"
    assert plain.text(json.dumps("mysql status\nfind . -print0")) == json.dumps("mysql status\nfind . -print0")


def test_source_code_stays() -> None:
    """The code of the test runner and of ampsm itself: hardly a line of it is taken for a secret."""
    changed = []
    for package in (Path(pytest.__file__).parents[1] / "_pytest", Path(__file__).parents[2] / "ampsm_engine"):
        for file in package.rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            clean = plain.text(text)
            changed += [a for a, b in zip(text.splitlines(), clean.splitlines(), strict=True) if a != b]
    assert changed == []


def test_hostile_texts_of_these_kinds_come_to_an_end() -> None:
    for unit in (
        "mysql -p",
        "--password ",
        "password=",
        "machine x login y ",
        "Cookie: a=b; ",
        ":5432:a",
        "pass:",
        "define('",
    ):
        assert plain.text(unit * (60_000 // len(unit))) is not None
