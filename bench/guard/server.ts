/** One server process of the comparison: a route that does nothing, protected in the way that its argument names. */
import 'reflect-metadata';
import { Controller, Get, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Public, Scopes } from '#trust/nest';
import { OneOfSeveral } from './inside.js';
import { guardOf, inside, protections, type Protection, type ServerFacts } from './protections.js';

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
  static protectedBy(
    { modules, judge, providers, controllers = [] }: Protection,
    facts: ServerFacts,
  ): DynamicModule {
    return {
      module: Server,
      imports: modules?.(facts) ?? [],
      controllers,
      providers: [...(judge ? [guardOf(judge(facts))] : []), ...(providers?.(facts) ?? [])],
    };
  }
}

let app: NestFastifyApplication;

process.on('message', (message: ServerFacts | 'usage' | 'times') => {
  if (message === 'usage') process.send!(process.cpuUsage());
  else if (message === 'times') process.send!(app.get(OneOfSeveral).take());
  else void start(message);
});

async function start(facts: ServerFacts): Promise<void> {
  const name = process.argv[2]!;
  const protection = name === inside.title ? inside : protections[name]!;
  const module = Server.protectedBy(protection, facts);
  app = await NestFactory.create<NestFastifyApplication>(module, new FastifyAdapter(), {
    logger: ['error'],
    abortOnError: false,
  });
  protection.prepare?.(app, facts);
  await app.listen(0, '127.0.0.1');
  process.send!({ url: await app.getUrl() });
}
