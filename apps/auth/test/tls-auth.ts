/** TLS in front of auth, with a certificate authority that exists only in the memory of the spec. */
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { startAuth } from './auth-fixture.js';
import { openGate, type TlsCertificate } from './tcp-gate.js';

const KEY = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const { BasicConstraintsExtension, KeyUsagesExtension, KeyUsageFlags } = x509;

export type TlsAuth = Awaited<ReturnType<typeof startTlsAuth>>;

/** Starts auth behind TLS. Its issuer is `https://localhost:<port>`, and a client reaches it there. */
export async function startTlsAuth() {
  const { authority, certificate } = await createAuthority();
  const door = await openGate(() => Number(new URL(auth.url).port), certificate);
  const issuer = `https://localhost:${door.port}`;
  const auth = await startAuth({ settings: { issuer } });
  return {
    ...auth,
    issuer,
    /** Shut it and the issuer is away. */
    door,
    /** The certificate of the authority, as PEM. */
    authority,
    async close() {
      await door.close();
      await auth.close();
    },
  };
}

/** Makes an authority, and a certificate of it for `localhost`. Both are good for an hour. */
async function createAuthority(): Promise<{ authority: string; certificate: TlsCertificate }> {
  const valid = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const newKeys = () => webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
  const [authorityKeys, serverKeys] = await Promise.all([newKeys(), newKeys()]);
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...valid,
    name: 'CN=Authority of a spec',
    keys: authorityKeys,
    signingAlgorithm: KEY,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
    ],
  });
  const server = await x509.X509CertificateGenerator.create({
    ...valid,
    subject: 'CN=localhost',
    issuer: authority.subject,
    publicKey: serverKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: KEY,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }]),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', serverKeys.privateKey);
  const key = x509.PemConverter.encode(pkcs8, 'PRIVATE KEY');
  return { authority: authority.toString('pem'), certificate: { key, cert: server.toString('pem') } };
}
