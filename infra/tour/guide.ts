import { exchange, type Exchange, type RequestParts } from './exchange.js';
import { exchangeLines, painter, shortJson, wrapped, type Paint } from './presentation.js';

export interface GuideOptions {
  /** The base URL of each service by its name, without a slash at the end. */
  readonly urls: Readonly<Record<string, string>>;
  /** The base URLs of all replicas of each service, if there are several. The tour adds up their counters. */
  readonly replicas?: Readonly<Record<string, readonly string[]>>;
  /** Prints one line. */
  readonly print: (line: string) => void;
  /** Default false. */
  readonly colour?: boolean;
}

/** The system did not do what the tour says. The message begins with the step. */
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

/** Explains each step, prints each request with its answer, and stops at the first deviation. */
export class Guide {
  private readonly paint: Paint;
  private readonly seen: { claim: string; evidence: string }[] = [];
  private number = 0;

  constructor(private readonly options: GuideOptions) {
    this.paint = painter(options.colour ?? false);
  }

  /** Runs a numbered step. An error in it gets the name of the step. @throws TourDeviation */
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

  /** Sends a request and prints it with its answer. @throws Error unless the status is an expected one */
  async ask<Body = unknown>(
    service: string,
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

  /** Sends a request and prints nothing. @param route for example `GET /things` */
  send<Body = unknown>(service: string, route: string, parts?: RequestParts): Promise<Exchange<Body>> {
    const [method = '', path = ''] = route.split(' ');
    return exchange<Body>(method, `${this.options.urls[service]}${path}`, parts);
  }

  /** Sends a request to every replica of a service and prints nothing. Each replica knows only its own counters. */
  sendToEach<Body = unknown>(service: string, route: string): Promise<Exchange<Body>[]> {
    const [method = '', path = ''] = route.split(' ');
    const { urls, replicas } = this.options;
    return Promise.all(
      (replicas?.[service] ?? [urls[service]]).map((url) => exchange<Body>(method, `${url}${path}`)),
    );
  }

  say(text: string): void {
    this.print(...wrapped(text));
  }

  /** Prints lines as they are, for example a table. */
  lines(lines: readonly string[]): void {
    this.print(...lines.map((line) => `     ${line}`));
  }

  /** Says which key was used for what. */
  key(text: string): void {
    this.print(...wrapped(text, '   key  ').map((line) => this.paint('key', line)));
  }

  /** Prints a claim that holds. @throws Error if it does not hold */
  check(holds: boolean, told: string, found?: unknown): void {
    if (!holds)
      throw new Error(`not true: ${told}${found === undefined ? '' : ` (found ${shortJson(found)})`}`);
    this.print(...wrapped(told, '    ok  ').map((line) => this.paint('good', line)));
  }

  /** Remembers a claim and its evidence for the summary. */
  learned(claim: string, evidence: string): void {
    this.seen.push({ claim, evidence });
  }

  /** Prints every claim beside its evidence. */
  summary(): void {
    const rows = [{ claim: 'Claim', evidence: 'Evidence' }, ...this.seen];
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
