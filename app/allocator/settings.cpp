// Read by jemalloc(3) when the process starts: few arenas, since threads are many and mostly asleep, and
// memory that is free for two seconds goes back to the system, also while nobody allocates (docs/adr/0024).
extern "C" const char* malloc_conf;
const char* malloc_conf = "narenas:4,dirty_decay_ms:2000,muzzy_decay_ms:0,background_thread:true";
