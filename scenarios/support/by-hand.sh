# Small commands for the README, docs/ and the scenarios. Load them into a shell at the root of the project, while
# `npm start` runs in another:
#
#   . scenarios/support/by-hand.sh
#
# STATE_DIR is that of `npm start -- --state-dir …`. The ports are those of the system that runs there.
STATE_DIR=${STATE_DIR:-.signet}
PORT_BASE=${PORT_BASE:-$(node -p "new URL(JSON.parse(fs.readFileSync('$STATE_DIR/running.json')).issuer).port" 2> /dev/null)}
PORT_BASE=${PORT_BASE:-3000}

# A line for each service of infra/system/services.ts: its name, its port offset, and its guarded route with the body.
SERVICES=$(node --input-type=module -e '
  import { services } from "./dist/infra/system/services.js";
  for (const { name, portOffset, guardedRoute } of services) {
    const { route, body } = guardedRoute ?? { route: "none /" };
    console.log(name, portOffset, route, body ? JSON.stringify(body) : "");
  }')

service() { echo "$SERVICES" | grep "^$1 "; }

# url SERVICE
url() { service "$1" | { read -r _ offset _; echo "http://localhost:$((PORT_BASE + offset))"; }; }

# login WHO [AUDIENCE]: prints a new token. WHO is demo or admin. AUDIENCE is the name of a service. Without it, the token of
# admin is for auth, and the token of demo is for the service that customers use.
login() {
  [ -f "$STATE_DIR/credentials.json" ] ||
    { echo "There is no system in $STATE_DIR. Is npm start running, and is STATE_DIR its folder?" >&2; return 1; }
  node -p "
    const { email, password } = JSON.parse(require('fs').readFileSync('$STATE_DIR/credentials.json')).$1;
    JSON.stringify({ email, password, audience: '${2-}' || undefined })" |
    curl -s "$(url auth)/auth/login" -H 'content-type: application/json' -d @- |
    node -e '
      const answer = fs.readFileSync(0, "utf8") || JSON.stringify({ title: "auth does not answer. Is npm start running?" });
      const { access_token: token, title } = JSON.parse(answer);
      if (!token) { console.error(title); process.exit(1); }
      console.log(token);'
}

# knock TOKEN SERVICE: sends the token to the guarded route of the service, and prints the status
knock() {
  service "$2" | {
    read -r _ offset method path body
    curl -s -o /dev/null -w '%{http_code}\n' -X "$method" "http://localhost:$((PORT_BASE + offset))$path" \
      -H "Authorization: Bearer $1" ${body:+-H 'content-type: application/json' -d "$body"}
  }
}

# admin METHOD PATH [BODY]: asks auth as the administrator
admin() {
  curl -s -X "$1" -H "Authorization: Bearer $(login admin auth)" ${3:+-H 'content-type: application/json' -d "$3"} \
    "$(url auth)$2" | show
}

# ring SERVICE: what it knows of auth's keys
ring() { curl -s "$(url "$1")/trust" | show; }

show() { node -e 'console.dir(JSON.parse(require("fs").readFileSync(0)), { depth: 5 })'; }

# publish SERVICE SUBJECT TEXT [REPLY]: to NATS, with that service's nkey
publish() {
  NATS_PORT=$((PORT_BASE + 11)) STATE_DIR=$STATE_DIR node --input-type=module -e '
    import { readFileSync } from "node:fs";
    import { connect, nkeyAuthenticator } from "@nats-io/transport-node";
    const [service, subject, text, reply] = process.argv.slice(1);
    const seed = readFileSync(`${process.env.STATE_DIR}/secrets/${service}/nats.nk`);
    const nats = await connect({ servers: `127.0.0.1:${process.env.NATS_PORT}`, authenticator: nkeyAuthenticator(seed) });
    (async () => { for await (const { type, error } of nats.status()) if (type === "error") console.log(error.message); })();
    nats.publish(subject, text, reply ? { reply } : {});
    await nats.flush();
    await nats.close();' -- "$@"
}
