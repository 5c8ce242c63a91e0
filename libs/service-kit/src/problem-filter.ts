import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { Catch } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from './logging.js';
import { isOAuthRequest, oauthChallenge, oauthErrorBody, type OAuthEndpoints } from './oauth-errors.js';
import type { Problem } from './problem.js';
import { kitProblems, problemOf } from './problem.js';
import type { ProblemTable } from './service-error.js';
import { ServiceError } from './service-error.js';

/**
 * The only exception filter. It answers every exception with `application/problem+json` (RFC 9457), and logs a fault of
 * ours with its cause. The client never reads the message of an exception, only the title of its code. At the endpoints
 * of OAuth, the answer has the form of RFC 6749 §5.2.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly problems: ProblemTable;
  private readonly oauthProblems: ProblemTable;

  constructor(
    private readonly logger: Logger,
    appProblems: ProblemTable = {},
    private readonly oauth?: OAuthEndpoints,
  ) {
    this.problems = { ...kitProblems, ...appProblems };
    this.oauthProblems = { ...this.problems, ...oauth?.problems };
  }

  catch(exception: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(exception, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /** Answers a request that failed. `catch` uses it, and so does a request that failed before it reached Nest. */
  answer(exception: unknown, request: FastifyRequest, reply: FastifyReply): void {
    // The client closed the connection while it sent its body. A lost database gives the same error code.
    const aborted = request.raw.errored !== null && exception === request.raw.errored;
    const failure = aborted ? new ServiceError('request_aborted', { cause: exception }) : exception;
    const isOAuth = isOAuthRequest(request, this.oauth);
    const problem = problemOf(failure, isOAuth ? this.oauthProblems : this.problems);
    this.log(failure, problem);
    // The answer has begun already. Nothing else can be sent, so the connection is cut.
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    if (problem.retryAfterSeconds !== undefined) {
      reply.header('retry-after', String(Math.max(1, Math.ceil(problem.retryAfterSeconds))));
    }
    if (isOAuth) return this.answerOAuth(problem, request, reply);
    // RFC 9110 section 15.5.2: a 401 needs a challenge. A challenge that the guard has set stays.
    if (problem.status === 401 && !reply.hasHeader('www-authenticate')) {
      reply.header('www-authenticate', problem.challenge ?? 'Bearer');
    }
    reply.status(problem.status).type('application/problem+json').send(problemBody(problem, request.id));
  }

  private answerOAuth(problem: Problem, request: FastifyRequest, reply: FastifyReply): void {
    const challenge = problem.status === 401 ? oauthChallenge(request) : undefined;
    if (challenge !== undefined) reply.header('www-authenticate', challenge);
    reply.status(problem.status).type('application/json').send(oauthErrorBody(problem));
  }

  private log(exception: unknown, { status, code }: Problem): void {
    if (status >= 500) {
      this.logger[status === 503 || status === 504 ? 'warn' : 'error'](
        { err: exception, code },
        'request failed',
      );
    } else {
      // Nest's own refusals only repeat the code, and the URL with its query.
      const err = exception instanceof ServiceError ? exception : undefined;
      this.logger.debug({ err, code }, 'request refused');
    }
  }
}

/** Makes the text of a problem+json answer. */
export function problemBody({ title, status, code, errors }: Problem, requestId: string): string {
  return JSON.stringify({ type: 'about:blank', title, status, code, requestId, errors });
}
