import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { kitProblems, type ProblemDefinition } from '#service-kit';
import { inventoryProblems } from './errors.js';

const problems = {
  ...kitProblems,
  ...inventoryProblems,
  invalid_token: { status: 401, title: 'The access token is not valid here' },
  insufficient_scope: { status: 403, title: 'The access token lacks a scope that this route needs' },
} satisfies Record<string, ProblemDefinition>;

/** Documents the problems (RFC 9457) that a route may answer with; those of one status share its entry. */
export function ApiProblems(...codes: (keyof typeof problems)[]) {
  const statuses = new Set(codes.map((code) => problems[code].status));
  return applyDecorators(
    ...[...statuses].map((status) => {
      const alike = codes.filter((code) => problems[code].status === status);
      const examples = Object.fromEntries(alike.map((code) => [code, { value: exampleOf(code) }]));
      const description = alike.map((code) => problems[code].title).join(', or: ');
      return ApiResponse({ status, description, content: { 'application/problem+json': { examples } } });
    }),
  );
}

function exampleOf(code: keyof typeof problems) {
  const { status, title } = problems[code];
  const errors = code === 'invalid_request' ? [{ field: 'sku', message: 'Invalid input' }] : undefined;
  return {
    type: 'about:blank',
    title,
    status,
    code,
    requestId: '0d2f3c1e-6d2a-4c0e-9f7a-2b8a4f6d1c11',
    errors,
  };
}
