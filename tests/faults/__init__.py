"""Faults, each through the whole loop on real servers; those of ingestion are followed by the audit.

`make faults` lets them last as long as they are said to, `make test` a twentieth of that.

fault                                                    test
 1  kill at each step                                    test_crash
 2  insert applied, its answer lost                      test_clickhouse
 3  a view throws, or its target is missing              test_tables
 4  a paused owner's insert comes late                   test_zombies
 5  the same, later than the window                      test_zombies
 6  one bad message among ten thousand                   test_messages
 7  nothing but bad messages                             test_messages; refused by ClickHouse test_refused
 8  no dead-letter topic, one too small, or none for us  test_dead_letters
 9  hostile messages                                     test_messages
10  event times over two hundred months                  test_messages
11  ClickHouse killed within an insert                   test_clickhouse_killed
12  ClickHouse hangs                                     test_clickhouse; for callers test_questions
13  progress before an exception                         test_clickhouse
14  connection cut within the rows                       test_clickhouse
15  too many parts, memory limit, read-only              test_tables
16  a question past its deadline                         tests/integration/: test_clickhouse_faults, test_budgets
17  a column dropped, or of another type                 test_tables
18  broker away                                          test_kafka
19  a rebalance storm                                    test_replicas
20  a commit fails                                       test_kafka
21  messages deleted before they were read               test_kafka
22  a topic made again                                   test_kafka
23  event loop blocked                                   test_kafka
24  recovery fails                                       test_recovery
25  Redis away or hung                                   tests/integration/: test_cache_faults, test_rate_limits
26  callers leave in the middle of a Redis command       tests/integration/: test_answers, test_rate_limits
27  what Redis kept is gone, junk or of another version  tests/integration/: test_cache_faults, test_answers
29  PostgreSQL's connections taken, or waits cut off     tests/integration/test_postgres_client
34  ranges and grains without end                        tests/integration/test_hostile_requests
35  two hundred equal questions at once                  tests/integration/: test_cache_faults, test_answers
36  callers leave, read nothing, or send without end     test_clients; tests/integration/: test_hostile_requests,
                                                         test_budgets, test_api
43  asked to stop under load                             test_lifecycle
44  asked twice, or with a server that hangs             test_lifecycle
45  started with a server away, or without a right       test_lifecycle, test_kafka
46  tokens that are not good                             tests/integration/: test_access, test_access_keys
47  names without end; persons in what is watched        tests/integration/test_hostile_requests;
                                                         tests/e2e/test_watching
all of them at random, by a seed                         chaos, test_chaos
"""
