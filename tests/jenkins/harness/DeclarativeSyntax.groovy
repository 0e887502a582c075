import org.codehaus.groovy.ast.ClassNode
import org.codehaus.groovy.ast.expr.ArgumentListExpression
import org.codehaus.groovy.ast.expr.BinaryExpression
import org.codehaus.groovy.ast.expr.ClosureExpression
import org.codehaus.groovy.ast.expr.MethodCallExpression
import org.codehaus.groovy.ast.stmt.BlockStatement
import org.codehaus.groovy.ast.stmt.ExpressionStatement
import org.codehaus.groovy.ast.stmt.ReturnStatement
import org.codehaus.groovy.ast.stmt.Statement
import org.codehaus.groovy.classgen.GeneratorContext
import org.codehaus.groovy.control.CompilePhase
import org.codehaus.groovy.control.SourceUnit
import org.codehaus.groovy.control.customizers.CompilationCustomizer

/** Declarative pipelines are no free Groovy: outside of `script` and `expression` only calls may stand in a block. */
class DeclarativeSyntax extends CompilationCustomizer {
    DeclarativeSyntax() { super(CompilePhase.CONVERSION) }

    @Override
    void call(SourceUnit source, GeneratorContext context, ClassNode classNode) {
        def pipelines = source.AST.statementBlock.statements.findAll { calls(it, 'pipeline') }
        if (pipelines.size() != 1) {
            throw new HarnessError('expected one pipeline')
        }
        check(block(pipelines[0].expression), 'pipeline')
    }

    private static boolean calls(Statement statement, String name) {
        statement instanceof ExpressionStatement && statement.expression instanceof MethodCallExpression &&
            statement.expression.methodAsString == name
    }

    private static ClosureExpression block(MethodCallExpression call) {
        def arguments = call.arguments instanceof ArgumentListExpression ? call.arguments.expressions : []
        return arguments && arguments[-1] instanceof ClosureExpression ? arguments[-1] : null
    }

    private void check(ClosureExpression closure, String where) {
        def code = closure.code
        (code instanceof BlockStatement ? code.statements : [code]).each { Statement statement ->
            def expression = statement instanceof ExpressionStatement || statement instanceof ReturnStatement ?
                statement.expression : null
            def assigned = expression instanceof BinaryExpression && expression.operation.text == '='
            if (where == 'environment' ? !assigned : !(expression instanceof MethodCallExpression)) {
                throw new HarnessError(where + ', line ' + statement.lineNumber + ': not allowed outside of script {}')
            }
            if (expression instanceof MethodCallExpression && !(expression.methodAsString in ['script', 'expression'])) {
                def inner = block(expression)
                if (inner) {
                    check(inner, expression.methodAsString)
                }
            }
        }
    }
}
