/** A small load balancer: one instance after the other, and none that is dead. */
import { Agent, request as send, type IncomingMessage, type RequestListener } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { serve } from '#testing';

const answerWithinMs = 10_000;

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: Buffer;
}

export class Balancer {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });
  private readonly dead = new Set<string>();
  private turn = 0;
  private server: Awaited<ReturnType<typeof serve>> | undefined;
  /** Whether a session id goes back to the instance that made it (`2.…` to the second). */
  sticky = false;

  /** @param issuer gets logins and logouts where the instances cannot do them */
  constructor(
    private readonly instances: readonly string[],
    private readonly issuer?: string,
  ) {}

  async start(): Promise<void> {
    this.server = await serve(this.listener);
  }

  get url(): string {
    return this.server!.url;
  }

  async stop(): Promise<void> {
    await this.server?.close();
    this.agent.destroy();
  }

  private readonly listener: RequestListener = (request, response) => {
    this.pass(request).then(
      ({ status, type, body }) => response.writeHead(status, type ? { 'content-type': type } : {}).end(body),
      () => response.writeHead(502).end(),
    );
  };

  /** Tries one instance after the other. So a login can happen twice, which does no harm here. */
  private async pass(request: IncomingMessage): Promise<Answer> {
    const body = await buffer(request);
    for (const instance of this.targets(request)) {
      try {
        return await this.forward(instance, request, body);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') this.dead.add(instance);
      }
    }
    throw new Error('no instance answers');
  }

  private targets({ url, headers }: IncomingMessage): string[] {
    if (this.issuer !== undefined && url !== '/me') return [this.issuer];
    const { instances } = this;
    const own = this.sticky ? /^Bearer (\d)\./.exec(headers.authorization ?? '')?.[1] : undefined;
    const first = own === undefined ? this.turn++ : Number(own) - 1;
    return instances
      .map((_, i) => instances[(first + i) % instances.length]!)
      .filter((instance) => !this.dead.has(instance));
  }

  private forward(target: string, { method, url, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { authorization, 'content-type': type } = headers;
      const passed = { ...(authorization && { authorization }), ...(type && { 'content-type': type }) };
      const options = { method, headers: passed, agent: this.agent, timeout: answerWithinMs };
      const request = send(target + url!, options, (answer) => {
        const { statusCode: status = 502, headers } = answer;
        buffer(answer).then((body) => resolve({ status, type: headers['content-type'], body }), reject);
      });
      request.on('timeout', () => request.destroy(new Error('no answer')));
      request.on('error', reject);
      request.end(body);
    });
  }
}
