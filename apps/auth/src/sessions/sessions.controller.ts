import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { ClientAddress, pageQuery, type PageQuery } from '#service-kit';
import { AnyAudience, CurrentCaller, Public, type Caller } from '#trust/nest';
import { emailField } from '../accounts/accounts.controller.js';
import { ApiProblems, AuthError } from '../errors.js';
import { roles } from '../accounts/scopes.js';
import { SessionsService } from './sessions.service.js';

const loginBody = z.strictObject({
  email: emailField,
  password: z.string().min(1).max(1024),
  audience: z.string().min(1).max(64).optional(),
});

const loggedIn = z.strictObject({
  access_token: z.string().describe('A JWT (RFC 9068)'),
  token_type: z.literal('Bearer'),
  expires_in: z.int().describe('Seconds'),
  scope: z.string(),
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
  items: z.array(z.strictObject({ sid: sessionId, createdAt: z.iso.datetime(), current: z.boolean() })),
  nextCursor: z.string().nullable(),
});

@ApiTags('sessions')
@AnyAudience()
@Controller('auth')
export class SessionsController {
  constructor(private readonly sessions: SessionsService) {}

  @Public()
  @Post('login')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Log in and get an access token for one audience' })
  @ApiOkResponse({ standardSchema: loggedIn })
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
  ) {
    const { accessToken, expiresIn, scope } = await this.sessions.login(body, address);
    return { access_token: accessToken, token_type: 'Bearer', expires_in: expiresIn, scope };
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

  @Post('logout')
  @HttpCode(204)
  @ApiOperation({ summary: 'End your session; every service refuses its tokens from now on' })
  @ApiNoContentResponse()
  async logout(@CurrentCaller() { sub, sid }: Caller): Promise<void> {
    await this.sessions.logOut(sub, sid!);
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
      items: items.map(({ id, createdAt }) => ({ sid: id, createdAt, current: id === sid })),
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
