/** The small API. It is the same for all four ways. The password is left out: it would be the same, too. */
import { fastify, type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Way } from '../ways/way.js';

export function api({ logIn, whoIs, logOut }: Way): FastifyInstance {
  const app = fastify();
  app.get('/me', async (request, reply) => {
    const account = await whoIs(credentialOf(request));
    return account === undefined ? reply.code(401).send({ error: 'log in first' }) : { account };
  });
  if (logIn)
    app.post<{ Body: { account: string } }>('/login', async ({ body }) => {
      return { credential: await logIn(body.account) };
    });
  if (logOut)
    app.post('/logout', async (request, reply) => {
      await logOut(credentialOf(request));
      return reply.code(204).send();
    });
  return app;
}

const credentialOf = ({ headers }: FastifyRequest): string =>
  headers.authorization?.replace(/^Bearer /, '') ?? '';
