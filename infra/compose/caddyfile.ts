import type { ServiceRow } from '../system/services.js';
import { portOf, proxyData } from './layout.js';

/**
 * Makes the configuration of the proxy: a site for each service, whose replicas it finds by DNS.
 *
 * A request that reached no replica goes to another one. A request that a replica may have processed is repeated only if
 * that is safe. With `https` the proxy is its own certificate authority. Its own errors have the form of the services'
 * errors, with the request id that the replica got.
 */
export function caddyfile(rows: readonly ServiceRow[], scheme: 'http' | 'https'): string {
  return `# Generated from infra/compose/caddyfile.ts by \`npm run generate\`.
{
	admin off
	persist_config off
	grace_period 10s
	servers {
		timeouts {
			# The same as in the services. The services limit bodies: a limit here gave an empty answer with 200 (Caddy 2.11).
			read_header 10s
		}
	}
${scheme === 'http' ? '	auto_https off' : `	auto_https disable_redirects\n	skip_install_trust\n	storage file_system ${proxyData}`}
}

(replicas) {
	# A request id with other characters is replaced, so that it is safe in log lines and answers.
	map {header.X-Request-Id} {request_id} {
		~^[A-Za-z0-9._-]{1,64}$ \${0}
		default {http.request.uuid}
	}
	request_header X-Request-Id {request_id}
	# No metrics for the outside. A collector inside the network asks each replica for its own metrics.
	@inside path /metrics /metrics/*
	handle @inside {
		error 404
	}
	handle {
${reverseProxy('{args[0]} {args[1]}', ['lb_retry_match method GET HEAD OPTIONS'])}
	}
	handle_errors {
		map {err.status_code} {problem_code} {problem_title} {
			404 route_not_found "There is no such route"
			502 service_unreachable "The service gave no answer"
			503 service_unreachable "The service cannot be reached"
			504 service_timeout "The service did not answer in time"
			default proxy_error "The proxy could not forward the request"
		}
		header {
			Content-Type "application/problem+json; charset=utf-8"
			X-Request-Id {request_id}
			Cache-Control no-store
			X-Content-Type-Options nosniff
		}
		respond \`{"type":"about:blank","title":"{problem_title}","status":{err.status_code},"code":"{problem_code}","requestId":"{request_id}"}\` {err.status_code}
	}
}

${rows.map((row) => site(row, scheme)).join('\n')}
# For the health check of this container.
http://127.0.0.1:2020 {
	respond 204
}
`;
}

/** How a request reaches a replica (a name and a port), and which requests are repeated. */
function reverseProxy(replica: string, repeats: readonly string[]): string {
  return `		reverse_proxy {
			dynamic a ${replica} {
				refresh 500ms
			}
			lb_policy round_robin
			lb_try_duration 5s
			lb_try_interval 100ms
			${repeats.join('\n\t\t\t')}
			transport http {
				dial_timeout 500ms
				# Shorter than SHUTDOWN_DELAY_MS. So a replica that stops never closes a connection with a request on its way.
				keepalive 1s
				response_header_timeout 30s
			}
		}`;
}

function site(row: ServiceRow, scheme: 'http' | 'https'): string {
  const port = portOf(row);
  const address =
    scheme === 'http' ? `http://:${port}` : `https://localhost:${port}, https://127.0.0.1:${port}`;
  const tls = scheme === 'http' ? '' : '\ttls internal\n';
  return `${address} {\n${tls}${idempotentPosts(row)}\timport replicas ${row.name} ${port}\n}\n`;
}

/** A POST with an Idempotency-Key makes one thing, however often it arrives. The proxy keeps its body to repeat it. */
function idempotentPosts(row: ServiceRow): string {
  if (row.idempotentPosts.length === 0) return '';
  return `	# Safe to repeat: the key makes one thing.
	@idempotent {
		method POST
		path ${row.idempotentPosts.join(' ')}
		header Idempotency-Key *
	}
	handle @idempotent {
${reverseProxy(`${row.name} ${portOf(row)}`, ['lb_retry_match method POST', 'request_buffers 256KiB'])}
	}
`;
}
