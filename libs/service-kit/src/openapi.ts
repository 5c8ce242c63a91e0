/**
 * The OpenAPI document of a service, made from its controllers.
 *
 * The answers of the guard, the body reader and the validation pipe follow from the route itself. So they are added
 * here and not at each route: a route could forget to say that it needs a token, and the document would be wrong.
 */
import { SetMetadata } from '@nestjs/common';
import { ModulesContainer, Reflector } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { z } from 'zod';
import { guardProblems, requirementsOf, type RouteContext } from '#trust/nest';
import type { OAuthEndpoints } from './oauth-errors.js';
import { kitProblems } from './problem.js';
import { operationId, routesOf } from './routes.js';
import type { ProblemDefinition, ProblemTable } from './service-error.js';
import { trustFacts } from './trust-documentation.js';

type SchemaObject = Exclude<
  NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string],
  { $ref: string }
>;
type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

const reflector = new Reflector();
const PROBLEM_CODES = Symbol('problem-codes');
const methods = ['get', 'put', 'post', 'delete', 'patch', 'options', 'head'] as const;

/**
 * Makes the decorator by which a route names its own problems (RFC 9457): `@ApiProblems('order_not_found')`. The
 * problems of the body and the validation need not be named, nor those of the guard, except at a public route.
 */
export function apiProblems<Code extends string>() {
  return (...codes: (Code | keyof typeof kitProblems | keyof typeof guardProblems)[]) =>
    SetMetadata(PROBLEM_CODES, codes);
}

/** Converts a zod schema of a request body, for decorators that take no zod schema. */
export function openApiSchema(schema: z.ZodType): SchemaObject {
  return z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' }) as SchemaObject;
}

interface DocumentOptions {
  readonly service: string;
  readonly version: string;
  readonly problems: ProblemTable;
  /** The name of the cookie that routes with `@ApiCookieAuth()` take in place of a token. */
  readonly cookie?: string | undefined;
  readonly oauth?: OAuthEndpoints | undefined;
}

/** Describes every route that Nest serves (OpenAPI 3.0). @throws Error for a problem code that is in no table */
export function openApiDocument(
  app: NestFastifyApplication,
  { service, version, problems, cookie, oauth }: DocumentOptions,
): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle(service)
    .setVersion(version)
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' });
  if (cookie !== undefined) config.addCookieAuth(cookie);
  const document = SwaggerModule.createDocument(app, config.build(), { operationIdFactory: operationId });
  document.components = { ...document.components };
  document.components.schemas = { ...document.components.schemas, Problem: problemSchema };
  const table: Readonly<Record<string, ProblemDefinition>> = {
    ...guardProblems,
    // For `invalid_request` and `headers_too_large`, the titles of the server come first: it answers them more often.
    ...kitProblems,
    ...problems,
  };
  describeTrust(document);
  const routes = routesOf(app.get(ModulesContainer));
  for (const [path, operation] of operationsOf(document)) {
    // Nest numbers the operations of a route that has several paths: `metadata[1]`.
    const route = routes.get(operation.operationId?.replace(/\[\d+\]$/, '') ?? '');
    if (!route) throw new Error(`no controller has the operation ${operation.operationId}`);
    if (oauth?.paths.includes(path)) completeOAuth(operation, route, oauth.problems);
    else complete(operation, route, table);
  }
  return document;
}

function describeTrust(document: OpenAPIObject): void {
  const operation = document.paths['/trust']?.get;
  if (!operation) return;
  operation.summary =
    'What this service knows about the issuer, and how many requests it accepted and refused';
  operation.tags = ['trust'];
  const schema = openApiSchema(trustFacts);
  operation.responses = { 200: { description: '', content: { 'application/json': { schema } } } };
}

function operationsOf(document: OpenAPIObject): [path: string, operation: Operation][] {
  return Object.entries(document.paths).flatMap(([path, operations]) =>
    methods.flatMap((method): [string, Operation][] => {
      const operation = operations[method];
      return operation ? [[path, operation]] : [];
    }),
  );
}

/** Adds the errors of an endpoint of OAuth. OpenAPI has no name for client authentication in the form. */
function completeOAuth(operation: Operation, route: RouteContext, problems: ProblemTable): void {
  operation.security = [];
  const content = { 'application/json': { schema: oauthErrorSchema } };
  for (const code of [...problemCodesOf(route), 'unsupported_media_type', 'malformed_body']) {
    const problem = problems[code];
    if (!problem) throw new Error(`${operation.operationId} names the error ${code}, which is in no table`);
    const { status, title } = problem;
    const before = operation.responses[status];
    const text = `\`${code}\`: ${title}`;
    const description = before && 'description' in before ? `${before.description}; ${text}` : text;
    operation.responses[status] = { description, content };
  }
  operation.responses['default'] = { description: 'Any other error', content };
}

/** The problems that a route names itself. */
function problemCodesOf(route: RouteContext): readonly string[] {
  return reflector.get<string[] | undefined>(PROBLEM_CODES, route.getHandler()) ?? [];
}

/** RFC 6749 §5.2. */
const oauthErrorSchema: SchemaObject = {
  type: 'object',
  required: ['error', 'error_description'],
  additionalProperties: false,
  properties: { error: { type: 'string' }, error_description: { type: 'string' } },
};

/** Adds who may call the route, and every problem that the route may answer with. */
function complete(
  operation: Operation,
  route: RouteContext,
  table: Readonly<Record<string, ProblemDefinition>>,
): void {
  const required = requirementsOf(route, reflector, 'this service');
  const { scopes = [], actor } = required ?? {};
  operation.security = required ? [{ bearer: [] }] : (operation.security ?? []);
  const conditions = [
    ...(scopes.length > 0
      ? [`Requires the scopes: ${scopes.map((scope) => `\`${scope}\``).join(', ')}.`]
      : []),
    ...(actor ? [`Requires a token that \`${actor}\` got in exchange for the token of a customer.`] : []),
  ];
  if (conditions.length > 0) operation.description = conditions.join(' ');
  const codes = new Set<string>([
    ...(required ? ['missing_token', 'invalid_token', 'trust_stale', 'invalid_request'] : []),
    ...(scopes.length > 0 ? ['insufficient_scope'] : []),
    ...(actor ? ['wrong_actor'] : []),
    ...(operation.requestBody ? ['malformed_body', 'body_too_large', 'unsupported_media_type'] : []),
    ...(operation.requestBody || (operation.parameters ?? []).length > 0 ? ['invalid_request'] : []),
    ...problemCodesOf(route),
  ]);
  for (const code of codes) addProblem(operation, code, table);
  operation.responses['default'] = {
    description: 'Any other problem',
    content: { 'application/problem+json': { schema: problemReference } },
  };
}

function addProblem(
  operation: Operation,
  code: string,
  table: Readonly<Record<string, ProblemDefinition>>,
): void {
  const problem = table[code];
  if (!problem)
    throw new Error(`${operation.operationId} names the problem ${code}, which is in no table of problems`);
  const present = operation.responses[problem.status];
  const before = present && 'description' in present ? present : undefined;
  const shown = before?.content?.['application/problem+json'];
  operation.responses[problem.status] = {
    description: [shown && before.description, problem.title].filter(Boolean).join(', or: '),
    content: {
      ...before?.content,
      'application/problem+json': {
        schema: problemReference,
        examples: { ...shown?.examples, [code]: { value: exampleOf(code, problem) } },
      },
    },
  };
}

const problemReference = { $ref: '#/components/schemas/Problem' };

/** RFC 9457, with a code that never changes and the id of the request in the log. */
const problemSchema = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'requestId'],
  additionalProperties: false,
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer', minimum: 400, maximum: 599 },
    code: { type: 'string' },
    requestId: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['field', 'message'],
        additionalProperties: false,
        properties: { field: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
};

function exampleOf(code: string, { status, title }: ProblemDefinition) {
  const errors = code === 'invalid_request' ? [{ field: 'name', message: 'Invalid input' }] : undefined;
  const requestId = '0d2f3c1e-6d2a-4c0e-9f7a-2b8a4f6d1c11';
  return { type: 'about:blank', title, status, code, requestId, ...(errors && { errors }) };
}
