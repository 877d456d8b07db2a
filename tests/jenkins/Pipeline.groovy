import com.lesfurets.jenkins.unit.PipelineTestHelper

/**
 * A Jenkins that runs one Jenkinsfile: what a declarative pipeline means, and steps that do what Jenkins' do as far as
 * a test can see it. `sh` runs the shell; each agent has a workspace of its own, empty at first; what is stashed goes
 * from one to the other by way of the controller; credentials are files and variables, and nothing masks them.
 * A section, an option or a step that it does not know is an error.
 */
class Pipeline {
    final PipelineTestHelper helper
    final Binding binding
    final File temp, sources
    final List<Map> events = []                  // {step, ...} in order
    final StringBuilder log = new StringBuilder()
    Map<String, String> secrets = [:]            // ID of a credential: what it holds
    Map<String, String> variables = [:]          // of the agents
    Map<String, Object> given = [:]              // parameters
    Closure<Map> approve = { asked -> throw new Aborted('nobody is there') }
    Closure before = { Map step -> }             // called with each step before it is done
    String result = 'SUCCESS'
    private Map<String, Object> env = [:], params = [:]
    private Map<String, File> stashes = [:]
    private List<String> locks = []
    private File workspace
    int agents
    private boolean ownCheckout
    private int credentials

    static class Failed extends RuntimeException { Failed(String why) { super(why) } }
    static class Aborted extends RuntimeException { Aborted(String why) { super(why) } }

    Pipeline(PipelineTestHelper helper, Binding binding, File temp, File sources) {
        this.helper = helper
        this.binding = binding
        this.temp = temp
        this.sources = sources
        binding.setVariable('env', env)
        binding.setVariable('params', params)
        binding.setVariable('scm', [userRemoteConfigs: [[url: 'here']]])
        binding.setVariable('currentBuild', this)
        helper.allowedMethodCallbacks.clear() // what BasePipelineTest lets pass without doing anything
        helper.registerAllowedMethod('pipeline', [Closure], { Closure c -> run(c) })
        steps()
    }

    // ---- declarations ----

    /** Runs a block whose sections are the methods of `section`, and no others. */
    private static <T> T read(Closure block, T section) {
        def c = (Closure) block.clone()
        c.delegate = section
        c.resolveStrategy = Closure.DELEGATE_FIRST
        c.call()
        section
    }

    class Root {
        final String none = 'none', any = 'any'
        def agent, stages = [], post, options, environment, parameters = [:]
        void agent(String where) { agent = where }
        void agent(Closure c) { agent = read(c, new Where()).label }
        void options(Closure c) { read(c, new Options()) }
        void triggers(Closure c) { read(c, new Triggers()) }
        void parameters(Closure c) { parameters = read(c, new Parameters()).all }
        void environment(Closure c) { environment = c }
        void stages(Closure c) { stages = read(c, new Stages()).all }
        void post(Closure c) { post = read(c, new Post()) }
    }

    class Where {
        String label
        void label(String l) { label = l }
    }

    class Options {
        void skipDefaultCheckout() { ownCheckout = true }
        void timestamps() { }
        void disableConcurrentBuilds() { }
        void timeout(Map how) { assert how.time > 0 && how.unit in ['MINUTES', 'HOURS'] }
        void buildDiscarder(Map how) { assert how.numToKeepStr.toInteger() > 0 }
        Map logRotator(Map how) { how }
    }

    class Triggers {
        void cron(String when) { assert when.split(' ').size() == 5 }
    }

    class Parameters {
        Map all = [:]
        void string(Map p) { assert p.description && p.defaultValue instanceof String; all[p.name] = p.defaultValue }
        void booleanParam(Map p) { assert p.description && p.defaultValue instanceof Boolean; all[p.name] = p.defaultValue }
    }

    class Stages {
        List<Stage> all = []
        void stage(String name, Closure c) {
            assert !all.find { it.name == name }
            all << read(c, new Stage(name: name))
            assert all[-1].steps
        }
    }

    class Stage {
        String name
        Closure steps
        def agent, when, post
        void agent(Closure c) { agent = read(c, new Where()).label }
        void when(Closure c) { when = read(c, new When()) }
        void steps(Closure c) { steps = c }
        void post(Closure c) { post = read(c, new Post()) }
    }

    class When {
        Closure expression
        boolean agentFirst = true
        void expression(Closure c) { expression = c }
        void beforeAgent(boolean yes) { agentFirst = !yes }
    }

    class Post {
        Closure always, success, unstable, failure, aborted, cleanup
        void always(Closure c) { always = c }
        void success(Closure c) { success = c }
        void unstable(Closure c) { unstable = c }
        void failure(Closure c) { failure = c }
        void aborted(Closure c) { aborted = c }
        void cleanup(Closure c) { cleanup = c }
    }

    class Environment {
        Map all = [:]
        void setProperty(String name, Object value) { all[name] = value.toString() }
    }

    // ---- running ----

    private void run(Closure declared) {
        ownCheckout = false
        def root = read(declared, new Root())
        assert root.agent && root.stages : 'a pipeline has an agent and stages'
        params.putAll(root.parameters)
        given.each { k, v -> assert params.containsKey(k); params[k] = v }
        params.each { k, v -> env[k] = v.toString() }
        if (root.environment) {
            env.putAll(read(root.environment, new Environment()).all)
        }
        on(root.agent) {
            ending(root.post) { root.stages.each { stage(it, root.agent != 'none') } }
        }
    }

    private void stage(Stage s, boolean placed) {
        if (result != 'SUCCESS' && result != 'UNSTABLE') {
            return
        }
        if (s.when && !s.when.expression.call()) {
            agents += s.agent && s.when.agentFirst ? 1 : 0
            return
        }
        on(s.agent ?: (placed ? null : 'none')) {
            ending(s.post) {
                events << [step: 'stage', name: s.name]
                s.steps.call()
            }
        }
    }

    /** On an agent of that label; null: where we are. */
    private void on(String label, Closure body) {
        if (label == null) {
            body()
            return
        }
        def outer = workspace
        workspace = label == 'none' ? null : new File(temp, 'agent-' + ++agents)
        workspace?.mkdirs()
        try {
            if (workspace && !ownCheckout) {
                tree(sources, workspace)
            }
            body()
        } finally {
            workspace = outer
        }
    }

    private void ending(Post post, Closure body) {
        attempt(body)
        def now = [SUCCESS: 'success', UNSTABLE: 'unstable', FAILURE: 'failure', ABORTED: 'aborted'][result]
        for (name in ['always', now, 'cleanup']) {
            def c = post?.getProperty(name)
            if (c) {
                attempt(c)
            }
        }
    }

    private void attempt(Closure body) {
        try {
            body()
        } catch (Aborted e) {
            say('aborted: ' + e.message)
            result = 'ABORTED'
        } catch (Failed e) {
            say('ERROR: ' + e.message)
            result = result == 'ABORTED' ? result : 'FAILURE'
        }
        assert locks.empty
    }

    void say(String text) { log << text << '\n' }

    // ---- steps ----

    private void step(String name, List<Class> types, Closure does) {
        helper.registerAllowedMethod(name, types, does)
    }

    /** Notes what is done, and where nothing but the controller is at hand, refuses what needs an agent. */
    private void note(Map event, boolean placed = true) {
        if (placed && workspace == null) {
            throw new Failed("'${event.step}' needs an agent")
        }
        before(event)
        events << event
    }

    private static boolean matches(String pattern, String path) {
        path ==~ pattern.replace('.', '\\.').replace('**', '\u0001').replace('*', '[^/]*').replace('\u0001', '.*')
    }

    private List<File> found(String pattern) {
        def all = []
        workspace.eachFileRecurse { if (it.file && matches(pattern, workspace.toPath().relativize(it.toPath()).toString())) all << it }
        all
    }

    private static void copy(File from, File to) {
        to.parentFile.mkdirs()
        to.bytes = from.bytes
        to.setExecutable(from.canExecute())
    }

    private void tree(File from, File to) {
        from.eachFileRecurse { if (it.file) copy(it, new File(to, from.toPath().relativize(it.toPath()).toString())) }
    }

    private int shell(String script) {
        def file = File.createTempFile('script', '.sh', temp)
        file.text = script
        def p = new ProcessBuilder(script.startsWith('#!') ? [file.path] : ['/bin/sh', '-xe', file.path])
        p.directory(workspace).redirectErrorStream(true).redirectInput(new File('/dev/null'))
        p.environment().clear()
        p.environment().putAll([PATH: System.getenv('PATH'), HOME: temp.path, WORKSPACE: workspace.path, JENKINS_SERVER_COOKIE: 'durable'])
        p.environment().putAll(variables)
        p.environment().putAll(env.collectEntries { k, v -> [k, v.toString()] })
        p = p.start()
        log << p.inputStream.text
        p.waitFor()
    }

    private int sh(Map how) {
        note([step: 'sh', script: how.script, label: how.label])
        def status = shell(how.script)
        if (status != 0 && !how.returnStatus) {
            throw new Failed("script returned exit code $status")
        }
        status
    }

    private def with(Map more, Closure body) {
        def saved = new LinkedHashMap(env)
        env.putAll(more)
        try {
            body()
        } finally {
            more.keySet().each { saved.containsKey(it) ? env.put(it, saved[it]) : env.remove(it) }
        }
    }

    private void steps() {
        step('script', [Closure]) { Closure c -> c() }
        step('echo', [String]) { String s -> say(s) }
        step('error', [String]) { String s -> throw new Failed(s) }
        step('unstable', [String]) { String s -> say(s); result = 'UNSTABLE' }
        step('checkout', [Map]) { what ->
            note([step: 'checkout', what: what])
            tree(sources, workspace)
            [GIT_COMMIT: 'c0ffee']
        }
        step('sh', [String]) { String s -> sh([script: s]) }
        step('sh', [Map]) { Map how -> sh(how) }
        step('readFile', [String]) { String name -> new File(workspace, name).text }
        step('deleteDir', []) { -> workspace.deleteDir() }
        step('lock', [Map, Closure]) { Map how, Closure c ->
            note([step: 'lock', resource: how.resource])
            assert !(how.resource in locks)
            locks << how.resource
            try {
                c()
            } finally {
                locks.remove(how.resource)
            }
        }
        step('timeout', [Map, Closure]) { Map how, Closure c -> c() }
        step('milestone', [Map]) { Map how -> note([step: 'milestone', ordinal: how.ordinal], false) }
        step('file', [Map]) { Map how -> how }
        step('string', [Map]) { Map how -> how }
        step('withCredentials', [List, Closure]) { List all, Closure c ->
            note([step: 'withCredentials'])
            with(all.collectEntries {
                if (!secrets.containsKey(it.credentialsId)) {
                    throw new Failed("there is no credential '${it.credentialsId}'")
                }
                def f = new File(temp, 'secret-' + ++credentials)
                f.text = secrets[it.credentialsId]
                [it.variable, f.path]
            }, c)
        }
        step('input', [Map]) { Map asked ->
            assert workspace == null : 'waits without an executor'
            note([step: 'input', message: asked.message.toString()], false)
            say(asked.message.toString())
            approve(asked)
        }
        step('stash', [Map]) { Map how ->
            def files = found(how.includes)
            note([step: 'stash', files: files*.name])
            stashes[how.name] = new File(temp, 'stash-' + how.name)
            files.each { copy(it, new File(stashes[how.name], workspace.toPath().relativize(it.toPath()).toString())) }
        }
        step('unstash', [String]) { String name ->
            note([step: 'unstash', name: name])
            tree(stashes[name], workspace)
        }
        step('archiveArtifacts', [Map]) { Map how ->
            def files = found(how.artifacts)
            note([step: 'archive', files: files*.name, texts: files*.text])
            if (!files && !how.allowEmptyArchive) {
                throw new Failed("nothing matches ${how.artifacts}")
            }
        }
        step('junit', [Map]) { Map how ->
            def suites = found(how.testResults).collect { new XmlSlurper().parse(it) }
            note([step: 'junit', suites: suites])
            if (!suites && !how.allowEmptyResults) {
                throw new Failed('no test results')
            }
            if (result == 'SUCCESS' && suites.any { it.testcase.any { c -> c.failure.size() + c.error.size() } }) {
                result = 'UNSTABLE'
            }
        }
    }
}
