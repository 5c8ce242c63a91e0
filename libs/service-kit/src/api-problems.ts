import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { kitProblems } from './problem.js';
import type { ProblemDefinition, ProblemTable } from './service-error.js';

/** What the guard of `#trust/nest` answers, as documentation. */
const guardProblems = {
  missing_token: { status: 401, title: 'This route needs an access token' },
  invalid_token: { status: 401, title: 'The access token is not valid here' },
  insufficient_scope: { status: 403, title: 'The access token lacks a scope that this route needs' },
  trust_stale: { status: 503, title: 'This service has no current key set' },
} satisfies ProblemTable;

/**
 * Makes an app's decorator for documenting the problems (RFC 9457) that a route may answer with:
 * `@ApiProblems('invalid_request', 'order_not_found')`. Those of one status share its entry.
 */
export function apiProblems<Code extends string>(appProblems: ProblemTable<Code>) {
  const problems: Readonly<Record<string, ProblemDefinition>> = {
    ...kitProblems,
    ...guardProblems,
    ...appProblems,
  };
  return (...codes: (Code | keyof typeof kitProblems | keyof typeof guardProblems)[]) => {
    const statuses = new Set(codes.map((code) => problems[code]!.status));
    return applyDecorators(
      ...[...statuses].map((status) => {
        const alike = codes.filter((code) => problems[code]!.status === status);
        const examples = Object.fromEntries(
          alike.map((code) => [code, { value: exampleOf(code, problems[code]!) }]),
        );
        const description = alike.map((code) => problems[code]!.title).join(', or: ');
        return ApiResponse({ status, description, content: { 'application/problem+json': { examples } } });
      }),
    );
  };
}

function exampleOf(code: string, { status, title }: ProblemDefinition) {
  const errors = code === 'invalid_request' ? [{ field: 'name', message: 'Invalid input' }] : undefined;
  return {
    type: 'about:blank',
    title,
    status,
    code,
    requestId: '0d2f3c1e-6d2a-4c0e-9f7a-2b8a4f6d1c11',
    errors,
  };
}
