import { BadRequestException, ForbiddenException, HttpException, ImATeapotException } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { problemOf } from './problem.js';
import { defineProblems, ServiceError } from './service-error.js';

const withCode = (code: string, more: object = {}) => Object.assign(new Error(code), { code, ...more });

describe('problemOf', () => {
  const problems = defineProblems<'sold_out' | 'invalid_request'>({
    sold_out: { status: 409, title: 'Sold out' },
    invalid_request: { status: 400, title: 'Bad' },
  });

  it('takes status and title of a code from the table, details from the error', () => {
    const error = new ServiceError('sold_out', { message: 'row 17', retryAfterSeconds: 2, errors: [] });
    const expected = { status: 409, code: 'sold_out', title: 'Sold out', errors: [], retryAfterSeconds: 2 };
    expect(problemOf(error, problems)).toEqual(expected);
  });

  it('takes the challenge of a 401 from the table', () => {
    const table = defineProblems({ wrong: { status: 401, title: 'Wrong', challenge: 'Password' } });
    expect(problemOf(new ServiceError('wrong'), table)).toEqual({
      status: 401,
      code: 'wrong',
      title: 'Wrong',
      challenge: 'Password',
    });
  });

  it('takes a code that is in no table for a fault of ours', () => {
    expect(problemOf(new ServiceError('unheard_of'), problems)).toMatchObject({
      status: 500,
      code: 'internal_error',
    });
  });

  it.each([
    ['an error', new Error('detail')],
    ['a thrown text', 'detail'],
    ['nothing', undefined],
    ['an error that claims a status of its own', withCode('X', { statusCode: 500 })],
  ])('tells nothing of %s', (_name, thrown) => {
    const problem = problemOf(thrown);
    expect(problem).toMatchObject({ status: 500, code: 'internal_error' });
    expect(JSON.stringify(problem)).not.toContain('detail');
  });

  it('passes on an exception that is a problem already', () => {
    const thrown = new HttpException({ code: 'insufficient_scope', title: 'Not allowed' }, 403);
    expect(problemOf(thrown)).toEqual({ status: 403, code: 'insufficient_scope', title: 'Not allowed' });
  });

  it('replaces the text of other HTTP exceptions', () => {
    expect(problemOf(new BadRequestException('detail'))).toMatchObject({
      status: 400,
      code: 'invalid_request',
    });
    expect(problemOf(new ForbiddenException('detail'))).toEqual({
      status: 403,
      code: 'http_403',
      title: 'Forbidden',
    });
    expect(problemOf(new ImATeapotException())).toMatchObject({ status: 418, code: 'http_418' });
  });

  it.each([
    ['FST_ERR_CTP_BODY_TOO_LARGE', 413, 'body_too_large'],
    ['FST_ERR_CTP_INVALID_MEDIA_TYPE', 415, 'unsupported_media_type'],
    ['FST_ERR_CTP_INVALID_JSON_BODY', 400, 'malformed_body'],
    ['FST_ERR_BAD_URL', 400, 'malformed_url'],
  ])('knows %s of Fastify, bare or as Nest wraps it', (frameworkCode, status, code) => {
    const bare = withCode(frameworkCode, { statusCode: status });
    expect(problemOf(bare)).toMatchObject({ status, code });
    expect(problemOf(new HttpException(bare.message, status, { cause: bare }))).toMatchObject({
      status,
      code,
    });
  });

  it.each([
    ['ECONNREFUSED', {}],
    ['ECONNRESET', {}],
    ['57P01', {}],
    ['08006', {}],
    ['53300', {}],
    ['QueryFailedError', { driverError: withCode('57P03') }],
    ['Connection terminated unexpectedly', { code: undefined }],
    ['Driver not Connected', { code: undefined }],
    ['Client was closed and is not queryable', { code: undefined }],
    ['Database connection provided by a query runner was already released, …', { code: undefined }],
    ['Query runner already released. Cannot run queries anymore.', { code: undefined }],
  ])('says that the database is away on %s', (code, more) => {
    const expected = { status: 503, code: 'database_unavailable', retryAfterSeconds: 1 };
    expect(problemOf(withCode(code, more))).toMatchObject(expected);
  });

  it.each([['23505'], ['22P02'], ['42P01']])('does not blame the connection for SQLSTATE %s', (code) => {
    expect(problemOf(withCode('x', { driverError: withCode(code) }))).toMatchObject({
      code: 'internal_error',
    });
  });
});

describe('defineProblems', () => {
  it('does not compile without every code', () => {
    const rows = { a: { status: 400, title: 'A' } };
    // @ts-expect-error the row for `b` is missing
    expect(defineProblems<'a' | 'b'>(rows)).toEqual(rows);
  });
});
