/**
 * Compares every answer of a service with the OpenAPI document that the service itself serves. The document must
 * contain the status and the schema of a good answer. A problem that the document does not name must have the form of
 * every problem.
 */
import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';

/** The part of an answer that a document describes. */
interface DescribedAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
  readonly text: string;
}

interface Described {
  readonly paths: Record<string, Record<string, Operation | undefined>>;
  readonly components: object;
}

interface Operation {
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema?: object }> }>;
}

/** Routes that the document does not describe. */
const leftOut = /^\/(docs|metrics)(\/|$)/;

/** Makes the check for the service at a URL. The document is fetched once, with the first answer. */
export function documentedAnswers(url: string) {
  let loaded: Promise<(method: string, path: string, answer: DescribedAnswer) => void> | undefined;
  return async (method: string, path: string, answer: DescribedAnswer): Promise<void> => {
    loaded ??= fetch(`${url}/docs/json`).then(async (response) =>
      checkerOf((await response.json()) as Described),
    );
    (await loaded)(method, path, answer);
  };
}

/** Makes the check from the document. It throws an Error that says what the document does not allow. */
function checkerOf({ paths, components }: Described) {
  // `nullable` and `example` are keywords of OpenAPI, which strict mode refuses.
  const ajv = new Ajv({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema({ $id: 'document', components });
  const validators = new WeakMap<object, ValidateFunction>();
  const routes = Object.entries(paths).map(([template, operations]) => ({
    pattern: patternOf(template),
    operations,
  }));

  return (method: string, path: string, answer: DescribedAnswer): void => {
    const { pathname } = new URL(path, 'http://service');
    const matching = routes.filter(({ pattern }) => pattern.test(pathname));
    // A template without a parameter comes first: `/a/b` before `/a/{id}`.
    const route = matching.find(({ pattern }) => pattern.source === `^${escaped(pathname)}$`) ?? matching[0];
    const operation = route?.operations[method.toLowerCase()];
    const told = `${method} ${pathname} answered ${answer.status}`;
    const refuse = (why: string): never => {
      throw new Error(`${told}, and its OpenAPI document ${why}: ${answer.text.slice(0, 400)}`);
    };
    if (!operation) {
      if (answer.status < 400 && !leftOut.test(pathname)) refuse('does not have the route');
      return;
    }
    const { responses } = operation;
    const response = responses[answer.status] ?? (answer.status >= 400 ? responses['default'] : undefined);
    if (!response) return void refuse('does not have the status');
    const mediaType = answer.headers.get('content-type')?.split(';')[0]?.trim();
    if (mediaType === undefined || answer.text === '') {
      if (response.content) refuse('has a body there');
      return;
    }
    const schema = response.content?.[mediaType]?.schema;
    if (!schema) return void refuse(`has no ${mediaType} there`);
    if (!mediaType.endsWith('json')) return;
    const validate = validators.get(schema) ?? ajv.compile(rebased(schema) as object);
    validators.set(schema, validate);
    if (!validate(answer.body)) refuse(ajv.errorsText(validate.errors, { dataVar: 'body' }));
  };
}

/**
 * References start at the document. A schema that was cut out of it must therefore name the document in its references.
 */
function rebased(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(rebased);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [
      name,
      name === '$ref' && typeof value === 'string' ? `document${value}` : rebased(value),
    ]),
  );
}

function patternOf(template: string): RegExp {
  const parts = template.split(/\{[^}]+\}/).map(escaped);
  return new RegExp(`^${parts.join('[^/]+')}$`);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
