# Small commands for the README, docs/ and the scenarios. Load them into a shell at the root of the project, while
# `npm start` runs in another:
#
#   . scenarios/support/by-hand.sh
#
# PORT_BASE and STATE_DIR are those of `npm start -- --port-base … --state-dir …`.
PORT_BASE=${PORT_BASE:-3000}
STATE_DIR=${STATE_DIR:-.signet}

# url SERVICE
url() {
  case $1 in auth) echo "http://localhost:$PORT_BASE" ;; orders) echo "http://localhost:$((PORT_BASE + 1))" ;;
    *) echo "http://localhost:$((PORT_BASE + 2))" ;; esac
}

# login WHO [AUDIENCE]: prints a new token. WHO is demo or admin. Without AUDIENCE it is for orders (demo) or auth (admin).
login() {
  node -p "
    const { email, password } = JSON.parse(require('fs').readFileSync('$STATE_DIR/credentials.json')).$1;
    JSON.stringify({ email, password, audience: '$2' || undefined })" |
    curl -s "$(url auth)/auth/login" -H 'content-type: application/json' -d @- |
    node -p 'JSON.parse(require("fs").readFileSync(0)).access_token'
}

# knock TOKEN SERVICE: prints the status; orders lists orders, inventory sets a stock to 100
knock() {
  if [ "$2" = orders ]; then set -- "$1" "$(url orders)/orders"
  else set -- "$1" "$(url inventory)/products/${SKU:-SEAL-BRASS}/stock" -X PUT -H 'content-type: application/json' -d '{"stock":100}'
  fi
  token=$1; shift
  curl -s -o /dev/null -w '%{http_code}\n' -H "Authorization: Bearer $token" "$@"
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
