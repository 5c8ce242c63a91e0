/** What the peers are told: where the plain JWK set is. They know no NATS and no trust anchor. */
import { z } from 'zod';
import {
  defineSettings,
  httpSettings,
  setting,
  trustSettings,
  wholeNumber,
  type Settings,
} from '#service-kit';

const { issuer, issuerFetchUrl } = trustSettings;

export const peerSettings = defineSettings({
  ...httpSettings,
  issuer,
  issuerFetchUrl,
  audience: setting(z.string(), { doc: 'the audience of the tokens that it takes' }),
  jwksRequestsPerMinute: setting(wholeNumber(0), {
    doc: 'for jwks-rsa: the rate limit of its fetches; 0 is none, its default',
    default: 0,
  }),
});

export type PeerSettings = Settings<typeof peerSettings>;
