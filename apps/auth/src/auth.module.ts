import { Module, type DynamicModule } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import {
  databaseCheck,
  databaseModule,
  HealthModule,
  NATS_LINK,
  natsCheck,
  type HealthCheck,
  NatsModule,
  type NatsLink,
} from '#service-kit';
import { readAnchor } from '#statements';
import { KeyRing } from '#trust';
import { trustCheck, TrustMetricsModule, TrustModule } from '#trust/nest';
import { AccountAdminController } from './sessions/account-admin.controller.js';
import { AccountStandingService } from './sessions/account-standing.service.js';
import { AccountsController } from './accounts/accounts.controller.js';
import { AccountsService } from './accounts/accounts.service.js';
import { FailedLogins } from './accounts/failed-logins.js';
import { PasswordHasher } from './accounts/password-hasher.js';
import { Registrations } from './accounts/registrations.js';
import { AnchorExchangeService } from './rotation/anchor-exchange.service.js';
import { VerifierPinsService } from './verifiers/verifier-pins.service.js';
import { SERVICE, SETTINGS, type AuthSettings } from './config.js';
import { entities } from './database/index.js';
import { EpochWitness } from './key-set/epoch-witness.js';
import { KeyCustodianService } from './rotation/key-custodian.service.js';
import { KeySeal } from './keys/key-seal.js';
import { KeySetService } from './key-set/key-set.service.js';
import { SpareKey } from './rotation/spare-key.js';
import { KeysController } from './rotation/keys.controller.js';
import { RevocationOutbox } from './revocations/revocation-outbox.service.js';
import { RevocationsService } from './revocations/revocations.service.js';
import {
  ACKNOWLEDGEMENT_OPTIONS,
  type AcknowledgementOptions,
  AcknowledgementsService,
} from './verifiers/acknowledgements.service.js';
import { RecoveryService } from './recovery/recovery.service.js';
import { KeyRevocationService } from './rotation/key-revocation.service.js';
import { RotationService } from './rotation/rotation.service.js';
import { SessionsController } from './sessions/sessions.controller.js';
import { SessionsService } from './sessions/sessions.service.js';
import { CurrentStatement } from './statements/current-statement.js';
import { StatementBroadcast } from './statements/statement-broadcast.js';
import { StatementSigners } from './anchor/statement-signer.js';
import { WellKnownController } from './statements/well-known.controller.js';
import { AccessTokenSigner } from './tokens/access-token-signer.js';

/** The issuer: what it is made of, and who gets what. Keys and accounts first; the guard asks sessions. */
@Module({})
export class AuthModule {
  static with(settings: AuthSettings): DynamicModule {
    return {
      module: AuthModule,
      imports: [
        ...issuing(settings, true),
        TrustMetricsModule,
        HealthModule.forRoot({
          inject: [DataSource, KeySetService, KeyRing, NATS_LINK],
          checks: (dataSource: DataSource, keySet: KeySetService, ring: KeyRing, nats: NatsLink) => [
            databaseCheck(dataSource),
            keySetCheck(keySet),
            trustCheck(ring),
            natsCheck(nats),
          ],
        }),
      ],
    };
  }
}

/** The issuer without its HTTP face, for the commands that an operator runs beside it; it judges no token. */
@Module({})
export class AuthCommandsModule {
  static with(settings: AuthSettings): DynamicModule {
    return { module: AuthCommandsModule, imports: issuing(settings, false) };
  }
}

function issuing(settings: AuthSettings, isVerifier: boolean): DynamicModule[] {
  const issuer = IssuerModule.with(settings, isVerifier);
  return [
    databaseModule(settings, entities),
    NatsModule.forRoot(SERVICE, settings),
    issuer,
    TrustModule.forRootAsync({
      imports: [issuer],
      inject: [SessionsService, CurrentStatement],
      useFactory: (sessions: SessionsService, currentStatement: CurrentStatement) => ({
        issuer: settings.issuer,
        audience: SERVICE,
        anchors: settings.trustAnchorPublic,
        maxLifetimeSeconds: settings.maxTokenSeconds,
        clockSkewSeconds: settings.clockSkewSeconds,
        // Its own statements reach its ring without a network; those of other replicas are in the database.
        issuerFetchUrl: 'none',
        refresh: () => currentStatement.look(),
        confirm: (claims) => sessions.confirm(claims),
      }),
    }),
  ];
}

/** Accounts, sessions, keys and statements. */
@Module({})
export class IssuerModule {
  static with(settings: AuthSettings, isVerifier: boolean): DynamicModule {
    return {
      module: IssuerModule,
      global: true,
      imports: [TypeOrmModule.forFeature(entities), JwtModule.register({})],
      controllers: [
        AccountsController,
        AccountAdminController,
        SessionsController,
        KeysController,
        WellKnownController,
      ],
      providers: [
        { provide: SETTINGS, useValue: settings },
        // accounts
        { provide: PasswordHasher, useValue: new PasswordHasher(settings.passwordHashConcurrency) },
        {
          provide: FailedLogins,
          inject: [DataSource],
          useFactory: (dataSource: DataSource) => failedLogins(dataSource, settings),
        },
        {
          provide: Registrations,
          inject: [DataSource],
          useFactory: (dataSource: DataSource) => registrations(dataSource, settings),
        },
        AccountsService,
        SessionsService,
        AccountStandingService,
        RevocationsService,
        RevocationOutbox,
        // keys
        { provide: KeySeal, useValue: new KeySeal(settings.keyEncryptionKey) },
        { provide: StatementSigners, useValue: new StatementSigners(settings.trustAnchorPrivate) },
        { provide: EpochWitness, useValue: epochWitness(settings, isVerifier) },
        {
          provide: KeySetService,
          inject: [DataSource, KeySeal, StatementSigners, EpochWitness],
          useFactory: (...parts: [DataSource, KeySeal, StatementSigners, EpochWitness]) =>
            new KeySetService(...parts, settings),
        },
        {
          provide: SpareKey,
          inject: [KeySetService],
          useFactory: (keySet: KeySetService) => new SpareKey((alg) => keySet.generate(alg)),
        },
        AccessTokenSigner,
        {
          provide: ACKNOWLEDGEMENT_OPTIONS,
          useValue: { countedSeconds: settings.countedSeconds, isVerifier } satisfies AcknowledgementOptions,
        },
        AcknowledgementsService,
        {
          provide: VerifierPinsService,
          inject: [DataSource],
          useFactory: (dataSource: DataSource) =>
            new VerifierPinsService(dataSource, settings.statementSeconds),
        },
        AnchorExchangeService,
        RotationService,
        KeyRevocationService,
        RecoveryService,
        // A command must not do the rounds of auth: it may run as another user, and is gone in a moment.
        ...(isVerifier ? [KeyCustodianService] : []),
        CurrentStatement,
        StatementBroadcast,
      ],
      exports: [
        SessionsService,
        KeySetService,
        CurrentStatement,
        RotationService,
        KeyRevocationService,
        RecoveryService,
        AnchorExchangeService,
      ],
    };
  }
}

/**
 * Down while nothing may be signed because the database was restored from an older backup; degraded while that could go
 * unnoticed.
 */
function keySetCheck(keySet: KeySetService): HealthCheck {
  return {
    name: 'keySet',
    check: () => {
      if (keySet.databaseWentBack) return { status: 'down', reason: 'database_went_back' };
      // Which fault it is stands in the log.
      return keySet.copyFault ? { status: 'degraded', reason: 'no_statement_copy' } : { status: 'up' };
    },
  };
}

function epochWitness(settings: AuthSettings, isWriter: boolean): EpochWitness {
  const { issuer, trustAnchorPublic, statementCopy: file } = settings;
  return new EpochWitness(issuer, trustAnchorPublic.map(readAnchor), { file, isWriter });
}

function failedLogins(dataSource: DataSource, settings: AuthSettings): FailedLogins {
  return new FailedLogins(dataSource, {
    perAccount: settings.failedLoginsPerAccount,
    perAddress: settings.failedLoginsPerAddress,
    windowSeconds: settings.failedLoginWindowSeconds,
  });
}

function registrations(dataSource: DataSource, settings: AuthSettings): Registrations {
  return new Registrations(dataSource, {
    perAddress: settings.registrationsPerAddress,
    windowSeconds: settings.registrationWindowSeconds,
  });
}
