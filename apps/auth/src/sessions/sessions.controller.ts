import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  Headers,
  HttpCode,
  Param,
  Post,
  Put,
  Query,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiCookieAuth,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ClientAddress, openApiSchema, pageQuery, type PageQuery } from '#service-kit';
import { AnyAudience, CurrentCaller, Public, type Caller } from '#trust/nest';
import { emailField } from '../accounts/accounts.controller.js';
import { ApiProblems, AuthError } from '../errors.js';
import { roles } from '../accounts/scopes.js';
import { CookieOrTokenGuard } from './cookie-or-token.guard.js';
import type { Grant } from './grants.js';
import { PasswordService } from './password.service.js';
import {
  clearRefreshCookie,
  CSRF_HEADER,
  presentedRefreshToken,
  REFRESH_COOKIE,
  refreshTokenOfCookie,
  setRefreshCookie,
} from './refresh-cookie.js';
import { RefreshService } from './refresh.service.js';
import { SessionsService } from './sessions.service.js';

const loginBody = z.strictObject({
  email: emailField,
  password: z.string().min(1).max(1024),
  audience: z.string().min(1).max(64).optional(),
  cookie: z.boolean().optional().describe(`For browsers: the refresh token goes into \`${REFRESH_COOKIE}\``),
});

const refreshBody = z.strictObject({
  refresh_token: z.string().min(1).max(512).optional().describe('Required without the cookie'),
  audience: z.string().min(1).max(64).optional(),
});

const passwordBody = z.strictObject({
  currentPassword: z.string().min(1).max(1024),
  newPassword: z.string().min(1).max(1024),
});

/** RFC 6749 §5.1. */
const tokens = z.strictObject({
  access_token: z.string().describe('A JWT (RFC 9068)'),
  token_type: z.literal('Bearer'),
  expires_in: z.int().describe('Seconds'),
  scope: z.string(),
  refresh_token: z
    .string()
    .optional()
    .describe('Opaque; `POST /auth/refresh` takes it once. Absent if it is in the cookie'),
});

const sessionId = z.uuid();
const callersAccount = z.strictObject({
  id: z.uuid(),
  email: z.email(),
  roles: z.array(z.enum(roles)),
  createdAt: z.iso.datetime(),
  sid: sessionId,
});
const sessionPage = z.strictObject({
  items: z.array(
    z.strictObject({
      sid: sessionId,
      createdAt: z.iso.datetime(),
      lastUsedAt: z.iso.datetime().describe('The login or the last refresh'),
      address: z.string().nullable().describe('The network address of the login or of the last refresh'),
      device: z.string().nullable().describe('The User-Agent of the login'),
      current: z.boolean(),
    }),
  ),
  nextCursor: z.string().nullable(),
});

const csrfHeader = {
  name: CSRF_HEADER,
  required: false,
  description: 'Any value. Required with the refresh cookie',
};

@ApiTags('sessions')
@AnyAudience()
@Controller('auth')
export class SessionsController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly refreshes: RefreshService,
    private readonly passwords: PasswordService,
  ) {}

  @Public()
  @Post('login')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Log in and get an access token for one audience, and a refresh token' })
  @ApiOkResponse({ standardSchema: tokens })
  @ApiProblems(
    'invalid_credentials',
    'invalid_target',
    'too_many_failed_logins',
    'login_busy',
    'no_signing_key',
    'database_went_back',
  )
  async login(
    @Body({ schema: loginBody }) body: z.infer<typeof loginBody>,
    @ClientAddress() address: string,
    @Headers('user-agent') device: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { cookie: isCookie = false, ...login } = body;
    return answer(await this.sessions.login(login, { address, device }), reply, { isCookie });
  }

  @Public()
  @Post('refresh')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary:
      'Exchange a refresh token for a new access token, also for another audience, and the next refresh token',
  })
  @ApiHeader(csrfHeader)
  @ApiBody({ required: false, schema: openApiSchema(refreshBody) })
  @ApiOkResponse({ standardSchema: tokens })
  @ApiProblems(
    'invalid_grant',
    'csrf_proof_missing',
    'refresh_superseded',
    'invalid_target',
    'too_many_refreshes',
    'no_signing_key',
    'database_went_back',
  )
  async refresh(
    @Body({ schema: refreshBody.optional() }) body: z.infer<typeof refreshBody> | undefined,
    @Req() { headers }: FastifyRequest,
    @ClientAddress() address: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { token: refreshToken, isCookie } = presentedRefreshToken(headers, body?.refresh_token);
    const grant = await this.refreshes.refresh({ refreshToken, audience: body?.audience }, { address });
    return answer(grant, reply, { isCookie });
  }

  @Get('me')
  @ApiOperation({ summary: 'Show your account; any audience of the token is accepted' })
  @ApiOkResponse({ standardSchema: callersAccount })
  @ApiProblems('session_ended')
  async me(@CurrentCaller() { sid }: Caller) {
    const account = await this.sessions.accountOf(sid!);
    // The guard found the session live, but it may have ended since.
    if (!account) throw new AuthError('session_ended');
    const { id, email, roles, createdAt } = account;
    return { id, email, roles, createdAt, sid };
  }

  @Put('password')
  @HttpCode(204)
  @ApiOperation({ summary: 'Change your password; all of your other sessions end' })
  @ApiNoContentResponse()
  @ApiProblems(
    'invalid_credentials',
    'password_refused',
    'too_many_failed_logins',
    'login_busy',
    'session_ended',
    'database_went_back',
  )
  async changePassword(
    @CurrentCaller() { sub, sid }: Caller,
    @Body({ schema: passwordBody }) body: z.infer<typeof passwordBody>,
    @ClientAddress() address: string,
  ): Promise<void> {
    await this.passwords.change({ accountId: sub, sid: sid! }, body, address);
  }

  /** The access token of a browser may have expired, so its refresh cookie will do. */
  @Public()
  @UseGuards(CookieOrTokenGuard)
  @Post('logout')
  @HttpCode(204)
  @ApiOperation({
    summary:
      'End the session of the access token, or else of the refresh cookie; every service refuses its tokens from now on',
  })
  @ApiBearerAuth()
  @ApiCookieAuth()
  @ApiHeader(csrfHeader)
  @ApiNoContentResponse()
  @ApiProblems(
    'missing_token',
    'invalid_token',
    'trust_stale',
    'invalid_request',
    'session_ended',
    'csrf_proof_missing',
    'too_many_refreshes',
    'database_went_back',
  )
  async logout(
    @Req() { headers, user }: FastifyRequest & { user?: Caller },
    @ClientAddress() address: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    if (user) return this.sessions.logOut(user.sub, user.sid!);
    await this.refreshes.logOut(refreshTokenOfCookie(headers)!, { address });
    clearRefreshCookie(reply);
  }

  @Post('logout-all')
  @HttpCode(204)
  @ApiOperation({ summary: 'End all of your sessions' })
  @ApiNoContentResponse()
  async logoutAll(@CurrentCaller() { sub }: Caller): Promise<void> {
    await this.sessions.endAll(sub);
  }

  @Get('sessions')
  @ApiOperation({ summary: 'List your live sessions in pages, the newest first' })
  @ApiOkResponse({ standardSchema: sessionPage })
  async list(@CurrentCaller() { sub, sid }: Caller, @Query({ schema: pageQuery }) query: PageQuery) {
    const { items, nextCursor } = await this.sessions.list(sub, query);
    return {
      items: items.map(({ id, createdAt, lastUsedAt, address, device }) => {
        return { sid: id, createdAt, lastUsedAt, address, device, current: id === sid };
      }),
      nextCursor,
    };
  }

  @Delete('sessions/:sid')
  @HttpCode(204)
  @ApiOperation({ summary: 'End one of your sessions' })
  @ApiNoContentResponse()
  @ApiProblems('session_not_found')
  async end(
    @CurrentCaller() { sub }: Caller,
    @Param('sid', { schema: sessionId }) sid: string,
  ): Promise<void> {
    await this.sessions.end(sub, sid);
  }
}

function answer(
  { accessToken, expiresIn, scope, refreshToken, refreshExpiresIn }: Grant,
  reply: FastifyReply,
  { isCookie }: { isCookie: boolean },
) {
  const access = { access_token: accessToken, token_type: 'Bearer', expires_in: expiresIn, scope };
  if (!isCookie) return { ...access, refresh_token: refreshToken };
  setRefreshCookie(reply, refreshToken, refreshExpiresIn);
  return access;
}
