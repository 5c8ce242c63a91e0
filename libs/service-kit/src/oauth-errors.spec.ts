import { describe, expect, it } from '@jest/globals';
import { oauthErrorBody } from './oauth-errors.js';
import { kitProblems, problemOf } from './problem.js';
import { ServiceError } from './service-error.js';

const bodyOf = (error: unknown) => JSON.parse(oauthErrorBody(problemOf(error))) as Record<string, string>;

describe('an error of an OAuth endpoint (RFC 6749 §5.2)', () => {
  it.each<[string, unknown, string]>([
    ['a code of OAuth', new ServiceError('invalid_request'), 'invalid_request'],
    ['a body that is too large', new ServiceError('body_too_large'), 'invalid_request'],
    ['a database that is away', new ServiceError('database_unavailable'), 'temporarily_unavailable'],
    ['a fault of ours', new Error('secret detail'), 'server_error'],
  ])('for %s', (_what, error, code) => {
    const body = bodyOf(error);
    expect(Object.keys(body)).toEqual(['error', 'error_description']);
    expect(body['error']).toBe(code);
    expect(JSON.stringify(body)).not.toContain('secret detail');
  });

  it('describes the first fault, if the code has one', () => {
    const errors = [{ field: 'scope', message: 'A parameter is sent twice' }];
    expect(bodyOf(new ServiceError('invalid_request', { errors }))).toEqual({
      error: 'invalid_request',
      error_description: 'A parameter is sent twice',
    });
  });

  it('has only the characters that a description may have', () => {
    const errors = [{ field: '', message: 'say "no" \\ é\n' }];
    expect(bodyOf(new ServiceError('invalid_request', { errors }))['error_description']).toBe('say no  ');
    for (const { title } of Object.values(kitProblems)) expect(title).toMatch(/^[ !#-[\]-~]+$/);
  });
});
