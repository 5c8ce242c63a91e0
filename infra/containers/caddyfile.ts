import type { ServiceRow } from '../composition/services.js';
import { portOf, proxyData } from './layout.js';

/**
 * The proxy's configuration: one site a service, its replicas found by DNS. A request that reached no replica is sent
 * to another; one that may have been worked on only if it is safe to repeat. Over TLS the proxy is its own authority.
 */
export function caddyfile(rows: readonly ServiceRow[], scheme: 'http' | 'https'): string {
  return `# Generated from infra/containers/caddyfile.ts by \`npm run generate\`.
{
	admin off
	persist_config off
	grace_period 10s
${scheme === 'http' ? '	auto_https off' : `	auto_https disable_redirects\n	skip_install_trust\n	storage file_system ${proxyData}`}
}

(replicas) {
	# Metrics are for those inside, who ask each replica for its own.
	@inside path /metrics /metrics/*
	handle @inside {
		header Content-Type application/problem+json
		respond \`{"type":"about:blank","title":"There is no such route","status":404,"code":"not_found"}\` 404
	}
	handle {
		reverse_proxy {
			dynamic a {args[0]} {args[1]} {
				refresh 500ms
			}
			lb_policy round_robin
			lb_try_duration 5s
			lb_try_interval 100ms
			lb_retry_match method GET HEAD OPTIONS
			transport http {
				dial_timeout 500ms
				# Shorter than SHUTDOWN_DELAY_MS, so that no replica closes a connection on which a request may be coming.
				keepalive 1s
				response_header_timeout 30s
			}
		}
	}
}

${rows.map((row) => site(row, scheme)).join('\n')}
# For the health check of this container.
http://127.0.0.1:2020 {
	respond 204
}
`;
}

function site(row: ServiceRow, scheme: 'http' | 'https'): string {
  const port = portOf(row);
  const address =
    scheme === 'http' ? `http://:${port}` : `https://localhost:${port}, https://127.0.0.1:${port}`;
  const tls = scheme === 'http' ? '' : '\ttls internal\n';
  return `${address} {\n${tls}\timport replicas ${row.name} ${port}\n}\n`;
}
