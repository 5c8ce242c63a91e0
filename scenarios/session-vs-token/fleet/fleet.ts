import { exchange } from '../../../infra/tour/exchange.js';
import type { Facts, WayName } from '../ways/way.js';
import { Balancer } from './balancer.js';
import { InstanceProcess } from './instance-process.js';
import type { Issuer } from './issuer.js';

/** Three instances of the API behind a balancer, all the same way. */
export class Fleet {
  private constructor(
    readonly way: WayName,
    readonly instances: readonly InstanceProcess[],
    readonly balancer: Balancer,
    readonly issuer: Issuer | undefined,
  ) {}

  /** @param issuer where the instances cannot log anybody in */
  static async start(facts: Facts, issuer?: Issuer): Promise<Fleet> {
    const starting = [1, 2, 3].map((number) => InstanceProcess.start({ facts, number }));
    const started = await Promise.allSettled(starting);
    const instances = started.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
    const failed = started.find(({ status }) => status === 'rejected');
    if (failed) {
      await Promise.all(instances.map((instance) => instance.kill()));
      throw (failed as PromiseRejectedResult).reason;
    }
    const urls = instances.map(({ url }) => url);
    const balancer = new Balancer(urls, issuer?.url);
    await balancer.start();
    return new Fleet(facts.way, instances, balancer, issuer);
  }

  get facts(): Facts {
    return this.instances[0]!.facts;
  }

  /** Logs in through the balancer, and returns what the client sends from then on. */
  async logIn(account: string): Promise<string> {
    const url = `${this.balancer.url}/login`;
    const { status, body } = await exchange<{ credential: string }>('POST', url, { body: { account } });
    if (status !== 200) throw new Error(`the login of ${account} was answered ${status}`);
    return body.credential;
  }

  /** Logs out through the balancer. */
  async logOut(token: string): Promise<void> {
    const { status } = await exchange('POST', `${this.balancer.url}/logout`, { token, body: {} });
    if (status >= 300) throw new Error(`the logout was answered ${status}`);
  }

  /** Returns the account that `GET /me` names, or the status where it is not 200. By default through the balancer. */
  async me(token: string, url = this.balancer.url): Promise<string | number> {
    const { status, body } = await exchange<{ account: string }>('GET', `${url}/me`, { token });
    return status === 200 ? body.account : status;
  }

  async stop(): Promise<void> {
    await Promise.all([this.balancer.stop(), ...this.instances.map((instance) => instance.kill())]);
  }
}
