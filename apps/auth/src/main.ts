import { runService } from '#service-kit';
import { AuthModule } from './auth.module.js';
import { authSettings, SERVICE } from './config.js';
import { authProblems } from './errors.js';
import { oauthEndpoints } from './oauth/endpoints.js';
import { CSRF_HEADER, REFRESH_COOKIE } from './sessions/refresh-cookie.js';

await runService(AuthModule.forRoot, {
  service: SERVICE,
  version: '0.1.0',
  settings: authSettings,
  problems: authProblems,
  cookies: { name: REFRESH_COOKIE, csrfHeader: CSRF_HEADER },
  oauth: oauthEndpoints,
});
