/** One server process of the comparison: a route that does nothing, protected in the way that its argument names. */
import 'reflect-metadata';
import { Controller, Get, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Public, Scopes } from '#trust/nest';
import { guardOf, protections, type Protection, type ServerFacts } from './protections.js';

declare module '#trust/nest' {
  interface ScopeRegistry {
    'orders:read': true;
  }
}

@Controller()
class WorkController {
  @Get('work')
  @Scopes('orders:read')
  work() {
    return { done: true };
  }

  @Get('open')
  @Public()
  open() {
    return { done: true };
  }
}

@Module({ controllers: [WorkController] })
class Server {
  static protectedBy({ modules, judge, providers }: Protection, facts: ServerFacts): DynamicModule {
    return {
      module: Server,
      imports: modules?.(facts) ?? [],
      providers: [...(judge ? [guardOf(judge(facts))] : []), ...(providers?.(facts) ?? [])],
    };
  }
}

process.on('message', (message: ServerFacts | 'usage') => {
  if (message === 'usage') process.send!(process.cpuUsage());
  else void start(message);
});

async function start(facts: ServerFacts): Promise<void> {
  const protection = protections[process.argv[2]!]!;
  const module = Server.protectedBy(protection, facts);
  const app = await NestFactory.create<NestFastifyApplication>(module, new FastifyAdapter(), {
    logger: ['error'],
    abortOnError: false,
  });
  protection.prepare?.(app, facts);
  await app.listen(0, '127.0.0.1');
  process.send!({ url: await app.getUrl() });
}
