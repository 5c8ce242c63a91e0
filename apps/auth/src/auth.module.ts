import { Global, Module, type DynamicModule } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { databaseCheck, databaseModule, HealthModule, NATS_LINK, natsCheck, NatsModule } from '#service-kit';
import { KeyRing } from '#trust';
import type { NatsLink } from '#trust/nats';
import { trustCheck, TrustModule } from '#trust/nest';
import { TrustMetricsModule } from '#trust/nest/metrics';
import { AccountsModule } from './accounts/accounts.module.js';
import { SCOPE_TABLE, SCOPES, type ScopeTable } from './accounts/scopes.js';
import { IS_SERVICE, SERVICE, SETTINGS, type AuthSettings } from './config.js';
import { entities } from './database/index.js';
import { EpochGuard } from './key-set/epoch-guard.js';
import { ProvenStatement } from './key-set/proven-statement.js';
import { keySetCheck } from './key-set/key-set-check.js';
import { KeySetModule } from './key-set/key-set.module.js';
import { PERMISSIONS, permissions, type Permission } from './oauth/exchange-policy.js';
import { OAuthModule } from './oauth/oauth.module.js';
import { RecoveryModule } from './recovery/recovery.module.js';
import { RevocationsModule } from './revocations/revocations.module.js';
import { KeyCustodianService } from './rotation/key-custodian.service.js';
import { RotationModule } from './rotation/rotation.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { SessionsService } from './sessions/sessions.service.js';
import { CurrentStatement } from './statements/current-statement.js';
import { StatementsModule } from './statements/statements.module.js';
import { SigningMetricsModule } from './tokens/signing-metrics.js';
import { TokensModule } from './tokens/tokens.module.js';
import { VerifiersModule } from './verifiers/verifiers.module.js';

/** The rooms in their order. A room uses only rooms that come before it. */
const rooms = [
  KeySetModule,
  VerifiersModule,
  RevocationsModule,
  TokensModule,
  RotationModule,
  AccountsModule,
  SessionsModule,
  OAuthModule,
  StatementsModule,
  RecoveryModule,
];

/** Who gets which scopes: accounts by their roles, and services that act for them. */
export interface AccessPolicy {
  readonly scopes: ScopeTable;
  readonly permissions: readonly Permission[];
}

const ourPolicy: AccessPolicy = { scopes: SCOPES, permissions };

/** The issuer as a service. Its own routes accept a token only if the session of the token is live, too. */
@Module({})
export class AuthModule {
  static forRoot(settings: AuthSettings, policy = ourPolicy): DynamicModule {
    return {
      module: AuthModule,
      imports: [
        ...issuer(settings, { isService: true, policy }),
        TrustMetricsModule,
        SigningMetricsModule,
        HealthModule.forRoot({
          imports: [KeySetModule],
          inject: [DataSource, EpochGuard, ProvenStatement, KeyRing, NATS_LINK],
          checks: (
            dataSource: DataSource,
            guard: EpochGuard,
            proven: ProvenStatement,
            ring: KeyRing,
            nats: NatsLink,
          ) => [databaseCheck(dataSource), keySetCheck(guard, proven), trustCheck(ring), natsCheck(nats)],
        }),
      ],
      providers: [KeyCustodianService],
    };
  }
}

/** The issuer for the commands of an operator (`npm run keys`). It has no HTTP server and does no work by timer. */
@Module({})
export class AuthCommandsModule {
  static forRoot(settings: AuthSettings): DynamicModule {
    const imports = issuer(settings, { isService: false, policy: ourPolicy });
    return { module: AuthCommandsModule, imports };
  }
}

function issuer(
  settings: AuthSettings,
  { isService, policy }: { isService: boolean; policy: AccessPolicy },
): DynamicModule['imports'] & object {
  return [
    SettingsModule.forRoot(settings, isService, policy),
    databaseModule(settings, entities),
    NatsModule.forRoot(SERVICE, settings),
    ...rooms,
    TrustModule.forRootAsync({
      imports: [SessionsModule, StatementsModule],
      inject: [SessionsService, CurrentStatement],
      useFactory: (sessions: SessionsService, currentStatement: CurrentStatement) => ({
        issuer: settings.issuer,
        audience: SERVICE,
        anchors: settings.trustAnchorPublic,
        maxLifetimeSeconds: settings.maxTokenSeconds,
        clockSkewSeconds: settings.clockSkewSeconds,
        // auth fetches nothing over HTTP. Its own statements go to its key ring directly. The database has the others.
        issuerFetchUrl: 'none',
        refresh: () => currentStatement.compareWithDatabase(),
        furtherCheck: (claims) => sessions.confirmCaller(claims),
      }),
    }),
  ];
}

@Global()
@Module({})
class SettingsModule {
  static forRoot(
    settings: AuthSettings,
    isService: boolean,
    { scopes, permissions }: AccessPolicy,
  ): DynamicModule {
    const providers = [
      { provide: SETTINGS, useValue: settings },
      { provide: IS_SERVICE, useValue: isService },
      { provide: SCOPE_TABLE, useValue: scopes },
      { provide: PERMISSIONS, useValue: permissions },
    ];
    return { module: SettingsModule, providers, exports: providers };
  }
}
