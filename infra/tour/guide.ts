import { exchange, type Exchange, type RequestParts } from './exchange.js';
import { exchangeLines, painter, shortJson, wrapped, type Paint } from './presentation.js';

/** The services that the tour visits. */
export type ServiceName = 'auth' | 'orders' | 'inventory';

export interface GuideOptions {
  /** Base URL of each service, no slash at the end. */
  readonly urls: Readonly<Record<ServiceName, string>>;
  /** Base URLs of each replica of each service, where there are several; their counters are added up. */
  readonly replicas?: Readonly<Record<ServiceName, readonly string[]>>;
  /** Takes one line. */
  readonly print: (line: string) => void;
  /** Default false. */
  readonly colour?: boolean;
}

/** Something was not as told. The message begins with the step. */
export class TourDeviation extends Error {
  override readonly name = 'TourDeviation';

  constructor(
    readonly step: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(`Step ${step}: ${message}`, options);
  }
}

/** Tells the story while it happens: prints what is sent and what comes back, and stops at the first deviation. */
export class Guide {
  private readonly paint: Paint;
  private readonly seen: { claim: string; evidence: string }[] = [];
  private number = 0;

  constructor(private readonly options: GuideOptions) {
    this.paint = painter(options.colour ?? false);
  }

  /** A numbered step; whatever fails in it fails under its name. @throws TourDeviation */
  async step<T>(title: string, why: string, act: () => Promise<T>): Promise<T> {
    this.number += 1;
    const name = `${this.number} (${title})`;
    this.print('', this.paint('title', `${String(this.number).padStart(2)} ${title}`), ...wrapped(why), '');
    try {
      return await act();
    } catch (error) {
      throw new TourDeviation(name, (error as Error).message, { cause: error });
    }
  }

  /** Sends a request, shows it with its answer, and insists on the status. */
  async ask<Body = unknown>(
    service: ServiceName,
    route: string,
    { expect, ...parts }: RequestParts & { readonly expect: number | readonly number[] },
  ): Promise<Exchange<Body>> {
    const answer = await this.send<Body>(service, route, parts);
    this.print(...exchangeLines(answer, this.paint));
    const expected = [expect].flat();
    if (!expected.includes(answer.status)) {
      throw new Error(
        `${service} ${route} answered ${answer.status} instead of ${expected.join(' or ')}: ${shortJson(answer.body)}`,
      );
    }
    return answer;
  }

  /** Sends a request and shows nothing. @param route such as `GET /orders` */
  send<Body = unknown>(service: ServiceName, route: string, parts?: RequestParts): Promise<Exchange<Body>> {
    const [method = '', path = ''] = route.split(' ');
    return exchange<Body>(method, this.options.urls[service] + path, parts);
  }

  /** Asks every replica of a service, showing nothing: each knows its own counters alone. */
  sendToEach<Body = unknown>(service: ServiceName, route: string): Promise<Exchange<Body>[]> {
    const [method = '', path = ''] = route.split(' ');
    const { urls, replicas } = this.options;
    return Promise.all(
      (replicas?.[service] ?? [urls[service]]).map((url) => exchange<Body>(method, url + path)),
    );
  }

  say(text: string): void {
    this.print(...wrapped(text));
  }

  /** Lines that are shown as they are, a table for instance. */
  lines(lines: readonly string[]): void {
    this.print(...lines.map((line) => `     ${line}`));
  }

  /** Which key was used for what, and by whom. */
  key(text: string): void {
    this.print(...wrapped(text, '   key  ').map((line) => this.paint('key', line)));
  }

  /** Insists on what the story says, and says so. */
  check(holds: boolean, told: string, found?: unknown): void {
    if (!holds)
      throw new Error(`not so: ${told}${found === undefined ? '' : ` (found ${shortJson(found)})`}`);
    this.print(...wrapped(told, '    ok  ').map((line) => this.paint('good', line)));
  }

  /** Notes a claim and what was seen of it, for the end. */
  learned(claim: string, evidence: string): void {
    this.seen.push({ claim, evidence });
  }

  /** Everything learned, side by side. */
  summary(): void {
    const rows = [{ claim: 'What was claimed', evidence: 'What was seen' }, ...this.seen];
    const column = Math.max(...rows.map(({ claim }) => claim.length));
    for (const [index, { claim, evidence }] of rows.entries()) {
      const line = `   ${claim.padEnd(column)}   ${evidence}`;
      this.print(index === 0 ? this.paint('title', line) : line);
    }
  }

  private print(...lines: string[]): void {
    for (const line of lines) this.options.print(line);
  }
}
